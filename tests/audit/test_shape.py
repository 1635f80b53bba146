import hashlib
import hmac
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from vectorstore.audit.shape import digest, hidden, shape_of_object, shape_of_text
from vectorstore.domain.filters import parse


def _h(value: object) -> str:
    return hidden(value)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("price < 10 and section == 'x'", f'price < "{_h(10)}" and section == "{_h("x")}"'),
        ("a in ['x', 'y'] or b not in [1]", f'a in ["{_h("x")}", "{_h("y")}"] or b not in ["{_h(1)}"]'),
        ("not (name like 'ab%')", f'not (name like "{_h("ab%")}")'),
        ('json_contains(tags, "t")', f'json_contains(tags, "{_h("t")}")'),
        ('array_contains_any(tags, ["t", true])', f'array_contains_any(tags, ["{_h("t")}", "{_h(True)}"])'),
        ("text_match(body, 'secret words')", f'text_match(body, "{_h("secret words")}")'),
        ("a % 2 == 0", f'a % "{_h(2)}" == "{_h(0)}"'),
        ('meta["k"][0] > 1.5', f'meta["k"][0] > "{_h(1.5)}"'),
        ('exists meta["k"]', 'exists meta["k"]'),
        ("a is null", "a is null"),
        ("array_length(a) == 3", f'array_length(a) == "{_h(3)}"'),
        ("  ", ""),
        ("price <", {"unparsed": _h("price <")}),
    ],
)
def test_the_words_of_a_filter_stay_and_its_literals_do_not(text: str, shape: Any) -> None:
    assert shape_of_text(text) == shape


def test_the_object_form_has_the_same_shape() -> None:
    filters = {"section": "x", "price": {"$lt": 10}, "$or": [{"a": {"$in": [1, 2]}}, {"b": True}]}
    text = "section == 'x' and price < 10 and (a in [1, 2] or b == true)"
    assert shape_of_object(filters) == shape_of_text(text)
    assert shape_of_object({"$nope": 1}) == {"unparsed": _h('{"$nope":1}')}
    assert "unparsed" in shape_of_object({"a": object()})


def test_a_long_list_shows_its_first_values_and_how_many_follow() -> None:
    shape = shape_of_text(f"a in {list(range(5_000))}")
    assert shape.count("hmac:") == 16
    assert shape.endswith('"and 4984 more"]')


def test_a_long_shape_is_cut_and_ends_in_the_digest_of_the_whole() -> None:
    shape = shape_of_text(" and ".join(f"field_{number}_{'x' * 40} == {number}" for number in range(200)))
    assert len(shape) < 8_300
    assert "… hmac:" in shape


@given(st.text(st.characters(codec="utf-8"), min_size=4), st.integers(10_000))
def test_no_literal_is_left_in_a_shape(text: str, number: int) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'
    shape = str(shape_of_text(f"field == {quoted} or other in [{number}]"))
    if text not in 'field == "hmac: or other in [':
        assert text not in shape
    assert not shape.replace(_h(number), "").replace(_h(text), "").count(str(number))
    if isinstance(shape, str) and not shape.startswith("{"):
        parse(shape)


def test_the_digest_needs_the_secret_key() -> None:
    key = hashlib.sha256(b"vectorstore.audit.literal" + settings.SECRET_KEY.encode()).digest()
    assert digest("x") == hmac.new(key, b"x", "sha256").hexdigest()[:16]
    assert digest("\ud800") == digest("?")


def test_a_number_has_the_digest_of_its_digits() -> None:
    assert hidden(42) == hidden("42") == f"hmac:{digest('42')}"
    assert hidden(1.5) == f"hmac:{digest('1.5')}"
    assert hidden(True) == f"hmac:{digest('true')}"
