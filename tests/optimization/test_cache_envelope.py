"""What comes out of the cache is what went in, bit for bit and type for type, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.exactly import exactly
from vectorstore.domain.models import SearchHit
from vectorstore.optimization.cache_envelope import pack, seal, unpack, unseal

SECRET, KEY, OTHER = b"s" * 32, b"k" * 32, b"o" * 32
HITS = [[SearchHit(2**63 - 1, 0.5, {"n": 1})], []]

_int64 = st.integers(-(2**63), 2**63 - 1)
_scalars = st.none() | st.booleans() | _int64 | st.floats() | st.text()
_json = st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
_values = _json | st.binary() | st.dictionaries(st.integers(0, 2**32 - 1), st.floats())
_hits = st.lists(
    st.lists(st.builds(SearchHit, _int64 | st.text(), st.floats(), st.dictionaries(st.text(), _values)), max_size=4),
    max_size=3,
)


@given(_hits)
def test_every_value_comes_back_exactly(hits: list[list[SearchHit]]) -> None:
    body = pack(hits)
    assert body is not None
    assert exactly(unpack(body)) == exactly(hits)
    assert exactly(unseal(SECRET, KEY, seal(SECRET, KEY, body))) == exactly(hits)


def test_a_value_under_another_key_is_none() -> None:
    value = seal(SECRET, KEY, pack(HITS) or b"")
    assert unseal(SECRET, KEY, value) == HITS
    assert unseal(SECRET, OTHER, value) is None
    assert unseal(SECRET, OTHER, OTHER + value[len(KEY) :]) is None
    assert unseal(b"t" * 32, KEY, value) is None


@given(st.data())
def test_a_value_that_was_touched_is_none(data: st.DataObject) -> None:
    value = bytearray(seal(SECRET, KEY, pack(HITS) or b""))
    place = data.draw(st.integers(0, len(value) - 1))
    value[place] ^= data.draw(st.integers(1, 255))
    assert unseal(SECRET, KEY, bytes(value)) is None


@given(st.binary(max_size=200))
def test_what_is_no_answer_is_none_even_when_it_is_sealed(body: bytes) -> None:
    assert unseal(SECRET, KEY, body) is None
    if body != pack([]):
        assert unseal(SECRET, KEY, seal(SECRET, KEY, b"\xc1" + body)) is None


@pytest.mark.parametrize("value", [2**64, object(), {1, 2}.__iter__()])
def test_what_has_no_exact_form_is_not_packed(value: object) -> None:
    assert pack([[SearchHit("a", 0.0, {"x": value})]]) is None
