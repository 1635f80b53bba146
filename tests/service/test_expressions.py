"""Conditions as Milvus gets them."""

from collections.abc import Callable

from vectorstore.access.rights import Limits
from vectorstore.domain.row_filter import RowFilter
from vectorstore.service import Scope, expressions
from vectorstore.service.catalogue import look_up
from vectorstore.service.expressions import where


def test_row_filters_that_python_holds_for_equal_are_kept_apart(make: Callable[..., str]) -> None:
    known, _ = look_up(Scope(), make())
    filters = [RowFilter("flag", "eq", (value,)) for value in (1, True, 1.0)]
    assert filters[0] == filters[1]
    limited = [known.within(Limits(rows=(rows,))) for rows in filters]
    first = [where(each)["expression"] for each in limited]
    assert first[0] != first[1]
    assert [where(each)["expression"] for each in limited] == first


def test_what_is_kept_of_row_filters_is_bounded(make: Callable[..., str]) -> None:
    known, _ = look_up(Scope(), make())
    expressions._kept.clear()
    for value in range(expressions._MOST_KEPT + 10):
        limited = known.within(Limits(rows=(RowFilter("tenant", "eq", (value,)),)))
        assert str(value) in where(limited)["expression"]
        assert str(value) in where(limited)["expression"]
    assert len(expressions._kept) == 10
