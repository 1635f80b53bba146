"""The table of indexes that come into question."""

import pytest

from vectorstore.config.index_candidates import Candidate, candidates, choose, clusters, ladder, variants
from vectorstore.config.index_config import build_errors, search_errors
from vectorstore.domain.models import DataType, IndexKind

DENSE = DataType.FLOAT_VECTOR


@pytest.mark.parametrize("rows", [1_100, 50_000, 10**9])
@pytest.mark.parametrize("dimension", [7, 384, 32_768])
def test_every_candidate_and_each_step_of_its_ladder_is_within_the_rules(rows: int, dimension: int) -> None:
    found = candidates(DENSE, dimension, rows, frozenset(IndexKind))
    assert len({candidate.key for candidate in found}) == len(found)
    for candidate in found:
        assert build_errors(candidate.kind, candidate.params) == []
        steps = ladder(candidate, 10)
        assert steps
        for step in steps:
            assert search_errors(candidate.kind, step) == []
        assert dimension % candidate.params.get("m", 1) == 0


def test_only_kinds_of_the_engine_are_measured_and_each_kind_once_before_any_twice() -> None:
    able = {IndexKind.HNSW, IndexKind.IVF_FLAT, IndexKind.DISKANN, IndexKind.AUTOINDEX}
    kinds = [candidate.kind for candidate in candidates(DENSE, 64, 50_000, able)]
    assert set(kinds) == {IndexKind.HNSW, IndexKind.IVF_FLAT}
    assert set(kinds[:2]) == {IndexKind.HNSW, IndexKind.IVF_FLAT}


def test_what_is_chosen_without_data_is_the_first_that_would_be_measured() -> None:
    for kind in (IndexKind.HNSW, IndexKind.IVF_FLAT, IndexKind.FLAT):
        chosen, params = choose(DENSE, 64, 50_000, {kind})
        assert Candidate(chosen, params) in candidates(DENSE, 64, 50_000, {kind})
        assert variants(kind, 64, 50_000)[0] == params


def test_clusters_are_never_more_than_milvus_takes_and_searched_in_no_more_than_there_are() -> None:
    assert (clusters(1), clusters(10_000), clusters(10**12)) == (4, 400, 65_536)
    assert ladder(Candidate(IndexKind.IVF_FLAT, {"nlist": 3}), 10) == [{"nprobe": 3}]
