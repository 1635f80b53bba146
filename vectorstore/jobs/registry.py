"""The kinds of work there are, by the name that a job's row has."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from vectorstore.domain.errors import Conflict
from vectorstore.service.context import Scope
from vectorstore.service.work import Work

Implementation = Callable[[Work, Scope, dict[str, Any]], dict[str, Any]]
"""Does the work within what the scope's actor may do now, from ``params``; gives the result, as plain data."""

_known: dict[str, Implementation] = {}


def work(kind: str) -> Callable[[Implementation], Implementation]:
    """Declare what does the jobs of ``kind``; a second declaration of a kind is a mistake."""

    def declare(implementation: Implementation) -> Implementation:
        if _known.setdefault(kind, implementation) is not implementation:
            raise ValueError(f"There are two implementations of the jobs of kind {kind!r}.")
        return implementation

    return declare


def find(kind: str) -> Implementation:
    """
    Raises:
        Conflict: this version has no such jobs.
    """
    import_module("vectorstore.jobs.kinds")  # only a worker needs all that they need
    if kind not in _known:
        raise Conflict(f"This version knows no jobs of the kind {kind!r}: run them with the one that made them.")
    return _known[kind]
