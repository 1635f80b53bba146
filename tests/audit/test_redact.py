import base64
import inspect
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from vectorstore.audit.plain import plain
from vectorstore.audit.redact import parameters_of
from vectorstore.audit.shape import hidden, shape_of_text
from vectorstore.domain import requests
from vectorstore.domain.access_requests import ApiKeyRequest, GrantRequest, KeyScopesRequest, UserRequest
from vectorstore.domain.models import DataType, IndexKind, Metric
from vectorstore.domain.requests import (
    CollectionSpec,
    DeleteRequest,
    EmbeddingSpec,
    FieldSpec,
    HybridPart,
    HybridRequest,
    IndexRequest,
    SearchRequest,
    WriteRequest,
)

_EMPTY_SEARCH = {"cache": True, "profile": False, "top_k": 10, "offset": 0}


def test_a_search_by_vector() -> None:
    request = SearchRequest(
        vector=[0.5] * 128,
        filter="tenant == 'acme'",
        output_fields=["title"],
        partitions=["p1"],
        params={"ef": 64},
        top_k=3,
    )
    assert parameters_of(request) == {
        "vector": {"dimension": 128},
        "filter": shape_of_text("tenant == 'acme'"),
        "output_fields": ["title"],
        "partitions": ["p1"],
        "params": {"ef": 64},
        "cache": True,
        "profile": False,
        "top_k": 3,
        "offset": 0,
    }


@pytest.mark.parametrize(
    ("vector", "shape"),
    [
        (base64.b64encode(bytes(4 * 77)).decode(), {"dimension": 77}),
        ({"1": 0.5, "7": 0.25}, {"weights": 2}),
        ([], {"dimension": 0}),
    ],
)
def test_vectors_in_other_forms(vector: Any, shape: dict[str, int]) -> None:
    assert parameters_of({"vector": vector}) == {"vector": shape}


def test_a_search_by_several_vectors_by_id_or_by_text() -> None:
    several = SearchRequest(vectors=[[1.0] * 4] * 3)
    assert parameters_of(several) == _EMPTY_SEARCH | {"vectors": {"number": 3, "dimension": 4}}
    assert parameters_of(SearchRequest(id=12)) == _EMPTY_SEARCH | {"id": hidden("12")}
    assert parameters_of(SearchRequest(text="who is ill")) == _EMPTY_SEARCH | {"text": hidden("who is ill")}


def test_a_hybrid_search_has_its_parts() -> None:
    request = HybridRequest(searches=[HybridPart(vector=[1.0] * 4, field="image"), HybridPart(text="x")])
    found = parameters_of(request)
    assert found["searches"] == [
        {"vector": {"dimension": 4}, "field": "image", "top_k": 10},
        {"text": hidden("x"), "top_k": 10},
    ]
    assert found["rerank"] == {"strategy": "rrf", "k": 60}


def test_of_rows_and_ids_only_how_many() -> None:
    rows: list[dict[str, Any]] = [{"id": "1", "vector": [1.0], "diagnosis": "x"}] * 5
    assert parameters_of(WriteRequest(vectors=rows, partition="p")) == {"vectors": 5, "partition": "p"}
    assert parameters_of(DeleteRequest(ids=["a", "b"])) == {"ids": 2}
    assert parameters_of({"ids": [1, 2, 3]}) == {"ids": 3}


def test_a_collection_has_names_and_numbers() -> None:
    spec = CollectionSpec(
        name="documents",
        description="about Ada's illness",
        fields=[
            FieldSpec(name="id", type=DataType.INT64, primary=True),
            FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=8),
            FieldSpec(name="tenant", type=DataType.VARCHAR, max_length=9, default="acme"),
        ],
        index=IndexRequest(type=IndexKind.HNSW, metric=Metric.L2, params={"M": 16, "note": "words of a person"}),
        properties={"collection.ttl.seconds": "60", "other": "some words"},
        embedding=EmbeddingSpec(provider="openai", source="body", options={"api_key": "sk-1", "dimensions": 256}),
    )
    found = plain(parameters_of(spec))
    assert found["description"] == {"characters": 19}
    assert found["fields"][1]["dimension"] == 8
    assert found["fields"][2]["default"] == hidden("acme")
    assert found["index"] == {"type": "HNSW", "metric": "L2", "params": {"M": 16, "note": hidden("words of a person")}}
    assert found["properties"] == {"collection.ttl.seconds": "60", "other": hidden("some words")}
    assert found["embedding"]["options"] == {"api_key": "***", "dimensions": 256}


def test_a_grant_has_its_rule_and_hides_the_values_of_its_filter() -> None:
    until = datetime(2026, 12, 31, tzinfo=UTC)
    row_filter = {"field": "tenant", "op": "in", "value": ["$user.tenants", "acme"]}
    request = GrantRequest(role="viewer", user="ada", row_filter=row_filter, expires_at=until, reason="ticket 7")
    found = parameters_of(request)
    assert found["row_filter"] == {"field": "tenant", "op": "in", "value": ["$user.tenants", hidden("acme")]}
    assert (found["role"], found["user"], found["reason"]) == ("viewer", "ada", "ticket 7")
    assert found["expires_at"] == "2026-12-31T00:00:00+00:00"


def test_a_key_has_its_scopes() -> None:
    request = ApiKeyRequest(name="ci", scopes=KeyScopesRequest(actions=["vector.search"], collections="a*"))
    assert parameters_of(request)["scopes"] == {"actions": ["vector.search"], "collections": "a*"}


@pytest.mark.parametrize("name", ["password", "key", "client_key", "secret", "token", "refresh"])
def test_a_secret_is_never_recorded_in_any_form(name: str) -> None:
    assert parameters_of({name: "hunter2 hunter2"}) == {name: "***"}


def test_the_attributes_of_a_user_are_named_and_hidden() -> None:
    request = UserRequest(username="ada", password="x" * 12, attributes={"tenants": ["acme"], "level": 3})
    assert parameters_of(request) == {
        "username": "ada",
        "password": "***",
        "attributes": {"tenants": [hidden("acme")], "level": hidden(3)},
        "is_active": True,
    }


def test_an_address_is_without_its_password() -> None:
    assert parameters_of({"uri": "https://root:milvus@host:19530/x"}) == {"uri": "https://host:19530"}


def test_what_nobody_thought_of_is_left_out() -> None:
    @dataclass
    class Novel:
        limit: int = 5
        diagnosis: str = "secret"

    assert parameters_of(Novel()) == {"limit": 5}
    assert parameters_of({"limit": 5, "diagnosis": "secret", 7: 1}) == {"limit": 5}
    assert parameters_of(object()) == {}


def test_long_names_and_long_lists_are_cut() -> None:
    assert parameters_of({"name": "n" * 1_000}) == {"name": "n" * 256}
    names = parameters_of({"output_fields": [f"f{number}" for number in range(100)]})["output_fields"]
    assert len(names) == 65
    assert names[-1] == "and 36 more"


def test_every_field_of_every_request_has_been_thought_of() -> None:
    from vectorstore.audit.redact import _RULES

    kinds = [kind for _, kind in inspect.getmembers(requests, inspect.isclass) if kind.__module__ == requests.__name__]
    names = {field.name for kind in kinds for field in fields(kind)}
    assert names - set(_RULES) == set()


def test_what_is_left_of_a_request_with_a_marked_secret_everywhere() -> None:
    marked = "S3CRET-S3CRET"
    request = SearchRequest(
        filter=f"a == '{marked}'", text=marked, vector=marked, id=marked, params={"x": f"{marked} {marked}"}
    )
    assert marked.encode() not in orjson.dumps(plain(parameters_of(request)))
