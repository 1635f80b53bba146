"""Lists in pages: ``{"count", "next", "previous", "results"}``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.core.paginator import Paginator
from django.db.models import QuerySet
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from vectorstore.domain.errors import InvalidRequest

T = TypeVar("T")

Key = Callable[[Any], Any]


class Pages(PageNumberPagination):
    """``?page=&page_size=``, refusing what it does not understand instead of guessing."""

    page_size = 100
    max_page_size = 1000
    page_size_query_param = "page_size"

    def get_page_size(self, request: Request) -> int:
        return _positive(request, "page_size", self.page_size, self.max_page_size)

    def get_page_number(self, request: Request, paginator: "Paginator[Any]") -> int:
        return _positive(request, "page", 1, None)

    def envelope(
        self, items: "Sequence[Any] | QuerySet[Any]", request: Request, render: Callable[[list[Any]], list[Any]]
    ) -> dict[str, Any]:
        """One page of ``items``, as ``render`` gives its rows; what it finds gone may be missing.

        Raises:
            NotFound: the page is past the end.
        """
        rows = self.paginate_queryset(items, request) or []
        return {
            "count": items.count() if isinstance(items, QuerySet) else len(items),
            "next": self.get_next_link(),
            "previous": self.get_previous_link(),
            "results": render(list(rows)),
        }


def refined(items: Sequence[T], request: Request, search: Key, ordering: Mapping[str, Key], order: str = "") -> list[T]:
    """``items`` whose ``search`` text contains ``?search=``, in the order of ``?ordering=name,-created_at``.

    The default is ``order``, or the first key of ``ordering``. Rows without a value come last.
    """
    found = list(items)
    if wanted := request.query_params.get("search", "").casefold():
        found = [item for item in found if wanted in search(item).casefold()]
    names = request.query_params.get("ordering", order or next(iter(ordering)))
    for name in reversed(names.split(",")):
        key = ordering.get(name.removeprefix("-"))
        if key is None:
            raise InvalidRequest.at("?ordering", f"order by one of {', '.join(ordering)}", "choice")
        valued = [item for item in found if key(item) is not None]
        empty = [item for item in found if key(item) is None]
        found = sorted(valued, key=key, reverse=name.startswith("-")) + empty
    return found


def refined_rows(rows: "QuerySet[Any]", request: Request, search: str, order: Sequence[str]) -> "QuerySet[Any]":
    """As ``refined``, by the database: ``search`` is a column, ``order`` are columns, the first the default one."""
    if wanted := request.query_params.get("search", ""):
        if "\0" in wanted:
            raise InvalidRequest.at("?search", "the text holds the character U+0000")
        rows = rows.filter(**{f"{search}__icontains": wanted})
    names = request.query_params.get("ordering", order[0]).split(",")
    if any(name.removeprefix("-") not in {item.removeprefix("-") for item in order} for name in names):
        known = ", ".join(dict.fromkeys(item.removeprefix("-") for item in order))
        raise InvalidRequest.at("?ordering", f"order by one of {known}", "choice")
    return rows.order_by(*names, "pk")


def _positive(request: Request, name: str, default: int, most: int | None) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if value < 1 or (most is not None and value > most):
        rule = f"an integer from 1 to {most}" if most else "an integer from 1"
        raise InvalidRequest.at(f"?{name}", f"{name} is {rule}", "range")
    return value
