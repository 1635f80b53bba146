"""JSON bodies into the dataclasses of the contract."""

import dataclasses
from io import BytesIO

import pytest
from django.test import RequestFactory

from vectorstore.api.decode import decode, read_body, strict_twin
from vectorstore.api.problems import UnsupportedMediaType
from vectorstore.domain import requests
from vectorstore.domain.errors import InvalidRequest, MalformedRequest, PayloadTooLarge
from vectorstore.domain.models import Consistency, DataType, IndexKind
from vectorstore.domain.requests import (
    CollectionSpec,
    HybridPart,
    HybridRequest,
    IndexRequest,
    Rerank,
    SearchRequest,
    WriteRequest,
)

BODIES = [
    kind
    for kind in vars(requests).values()
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and not kind.__name__.startswith("_")
]


def test_a_search_becomes_the_dataclass_with_its_defaults() -> None:
    request = decode(b'{"vector": [1, 2.5], "top_k": 3, "consistency": "Strong"}', SearchRequest)
    assert request == SearchRequest(vector=[1.0, 2.5], top_k=3, consistency=Consistency.STRONG)
    assert type(request.vector[0]) is float  # type: ignore[index]


def test_nested_objects_become_their_dataclasses() -> None:
    body = b"""{"name": "docs", "index": {"type": "HNSW", "params": {"M": 16}},
                "fields": [{"name": "id", "type": "INT64", "primary": true}]}"""
    spec = decode(body, CollectionSpec)
    assert spec.index == IndexRequest(type=IndexKind.HNSW, params={"M": 16})
    assert spec.fields == [requests.FieldSpec(name="id", type=DataType.INT64, primary=True)]


def test_a_default_made_by_a_factory_is_made_anew_for_each_body() -> None:
    body = b'{"searches": [{"text": "a"}]}'
    first, second = decode(body, HybridRequest), decode(body, HybridRequest)
    assert first == HybridRequest(searches=[HybridPart(text="a")], rerank=Rerank())
    assert first.partitions is not second.partitions


@pytest.mark.parametrize(
    ("body", "kind", "pointer", "code"),
    [
        (b'{"vector": [1], "top_k": "3"}', SearchRequest, "/top_k", "type"),
        (b'{"vector": [1], "top_k": 3.5}', SearchRequest, "/top_k", "type"),
        (b'{"vector": [1, "x"]}', SearchRequest, "/vector/1", "type"),
        (b'{"vectors": [[1], [1, null]]}', SearchRequest, "/vectors/1/1", "type"),
        (b'{"vectors": [{}, 5]}', WriteRequest, "/vectors/1", "type"),
        (b'{"vector": [1], "consistency": "strong"}', SearchRequest, "/consistency", "type"),
        (b'{"vector": [1], "fliter": "a == 1"}', SearchRequest, "/fliter", "unknown_member"),
        (b'{"searches": [{"text": "a"}, {"top": 1}]}', HybridRequest, "/searches/1/top", "unknown_member"),
        (b'{"rerank": {}}', HybridRequest, "/searches", "required"),
        (b'{"name": "a", "fields": [{"name": "b"}]}', CollectionSpec, "/fields/0/type", "required"),
        (b'{"a/b~c": 1}', SearchRequest, "/a~1b~0c", "unknown_member"),
        (b'{"vector": {"3": "x"}}', SearchRequest, "/vector", "type"),
        (b'{"vector": [1e400]}', SearchRequest, "/vector/0", "type"),
        (b"[]", SearchRequest, "", "type"),
        (b"null", SearchRequest, "", "type"),
    ],
)
def test_a_wrong_value_is_named_by_its_pointer(body: bytes, kind: type, pointer: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(body, kind)
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == (pointer, code)
    assert "`" not in caught.value.detail


@pytest.mark.parametrize(
    "body",
    [
        b'{"vector": [NaN]}',
        b'{"vector": [Infinity]}',
        b'{"vector": [1',
        b'{"top_k": 1} x',
        b"{'top_k': 1}",
        b"\xef\xbb\xbf{}",
        b'{"text": "\xff"}',
        b'{"text": "\\ud800"}',
        '{"top_k": 1}'.encode("utf-16"),
        b'{"filters": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"filters": ' + b'{"a": ' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_json_or_too_deep_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode(body, SearchRequest)


def test_integers_beyond_64_bits_and_all_of_unicode_arrive_unchanged() -> None:
    body = '{"vectors": [{"id": 9223372036854775808, "name": "\\u0000\\ud83d\\ude00é"}]}'.encode()
    assert decode(body, WriteRequest).vectors == [{"id": 2**63, "name": "\0😀é"}]


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_every_request_of_the_contract_has_a_twin_with_the_same_members(kind: type) -> None:
    names = {member.name for member in dataclasses.fields(kind)}
    assert set(strict_twin(kind).__struct_fields__) == names


def _post(body: bytes, **headers: str):  # type: ignore[no-untyped-def]
    content_type = headers.pop("content_type", "application/json")
    return RequestFactory().generic("POST", "/", body, content_type=content_type, **headers)


def test_a_body_within_the_limit_is_read_whole() -> None:
    assert read_body(_post(b"12345", content_type="application/json; charset=utf-8"), limit=5) == b"12345"


def test_a_body_announced_as_too_large_is_refused_unread() -> None:
    request = _post(b"123456")
    with pytest.raises(PayloadTooLarge, match="limit of 5 bytes"):
        read_body(request, limit=5)
    assert request.META["wsgi.input"].read() == b"123456"


def test_a_chunked_body_is_measured_while_it_is_read() -> None:
    request = _post(b"-", HTTP_TRANSFER_ENCODING="chunked")
    request.META["wsgi.input"] = BytesIO(b"12345")
    assert read_body(request, limit=5) == b"12345"
    request.META["wsgi.input"] = BytesIO(b"123456")
    with pytest.raises(PayloadTooLarge):
        read_body(request, limit=5)


def test_an_empty_body_is_malformed() -> None:
    with pytest.raises(MalformedRequest):
        read_body(_post(b""), limit=5)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "nonsense"])
def test_any_other_media_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        read_body(_post(b"{}", content_type=content_type), limit=5)
