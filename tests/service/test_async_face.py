"""The public Python API of the specification, as a user imports it."""

import asyncio
import random
from collections.abc import Callable

import pytest

from vectorstore.domain.vector import Vector
from vectorstore.service import IndexService, SearchService, VectorService


def a_vector(seed: int, **fields: object) -> Vector:
    source = random.Random(seed)
    return Vector([source.gauss(0, 1) for _ in range(8)], id=f"v{seed}", fields=fields)


def test_the_three_services_do_what_they_are_for(make: Callable[..., str]) -> None:
    name = make()

    async def story() -> None:
        vectors, search, indexes = VectorService(), SearchService(name), IndexService()
        await vectors.insert_vectors(name, [a_vector(seed, parity=seed % 2) for seed in range(20)])
        assert await vectors.batch_insert(name, [a_vector(seed, parity=seed % 2) for seed in range(20, 30)]) == 10
        found = await vectors.search_vectors(name, a_vector(7), 3)
        assert [hit.id for hit in found][:1] == ["v7"]
        assert len(found) == 3
        assert found[0].fields["parity"] == 1
        assert [hit.id for hit in await search.similarity_search(a_vector(25), 1)] == ["v25"]
        near = await search.range_search(a_vector(3), 0.001)
        assert [hit.id for hit in near] == ["v3"]
        even = await search.hybrid_search(a_vector(7), {"parity": 0})
        assert {hit.fields["parity"] for hit in even} == {0}
        assert await vectors.delete_vectors(name, ["v7", "v8", "not there"]) == 2
        assert "v7" not in [hit.id for hit in await search.similarity_search(a_vector(7), 5)]
        await indexes.drop_index(name)
        assert (await indexes.create_index(name, "IVF_FLAT")).spec.kind == "IVF_FLAT"
        assert (await indexes.rebuild_index(name)).state == "Finished"
        assert [hit.id for hit in await search.similarity_search(a_vector(25), 1)] == ["v25"]

    asyncio.run(story())


def test_fifty_calls_at_once_from_one_loop(empty: str) -> None:
    name = empty

    async def story() -> None:
        vectors, search = VectorService(), SearchService(name)
        await asyncio.gather(*(vectors.insert_vectors(name, [a_vector(seed)]) for seed in range(50)))
        answers = await asyncio.gather(*(search.similarity_search(a_vector(seed), 1) for seed in range(50)))
        assert [hits[0].id for hits in answers] == [f"v{seed}" for seed in range(50)]

    asyncio.run(story())
    asyncio.run(story_count(name))  # another loop, same services


async def story_count(name: str) -> None:
    assert len(await SearchService(name).range_search(a_vector(1), 1e6)) == 50


def test_without_a_collection_the_error_says_what_to_set(transactional_db: None) -> None:
    with pytest.raises(Exception, match="VECTORSTORE_DEFAULT_COLLECTION"):
        asyncio.run(SearchService().similarity_search(a_vector(1), 1))
