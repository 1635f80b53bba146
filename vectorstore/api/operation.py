"""What one method of a view takes and answers: read by the dispatcher and by the OpenAPI document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """``body`` is a dataclass of the contract; ``answer`` the type of what the handler returns.

    ``pages`` says that ``answer`` is the item of a paginated list, ``order`` by which names it can be
    ordered. ``errors`` are the statuses beyond those that every operation of the view may answer; ``query`` names
    further text parameters. With ``idempotent``, the action to check before an earlier answer is given again, the
    operation takes an ``Idempotency-Key``. A ``media`` other than JSON has one ``answer`` a line. With the ``status``
    202 the handler returns the body of a job (``api.schemas.jobs.job_body``), whose address is sent as ``Location``.
    ``headers`` are those that the handler sets, with their schemas.
    """

    summary: str
    body: type[Any] | None = None
    answer: Any = None
    status: int = 200
    order: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    query: tuple[str, ...] = ()
    idempotent: str = ""
    media: str = "application/json"
    headers: Mapping[str, Any] = made_by(default_factory=dict)

    @property
    def pages(self) -> bool:
        return bool(self.order)


def operation(
    summary: str,
    *,
    body: type[Any] | None = None,
    answer: Any = None,
    status: int = 200,
    order: tuple[str, ...] | dict[str, Any] = (),
    errors: tuple[int, ...] = (),
    query: tuple[str, ...] = (),
    idempotent: str = "",
    media: str = "application/json",
    headers: Mapping[str, Any] | None = None,
) -> Callable[[Handler], Handler]:
    """Declare a handler: called with the decoded body, if it has one, and the names in the path."""

    def declare(handler: Handler) -> Handler:
        handler.__dict__["operation"] = Operation(
            summary, body, answer, status, tuple(order), errors, query, idempotent, media, headers or {}
        )
        return handler

    return declare


def declared(handler: Callable[..., Any]) -> Operation:
    """The operation a handler was declared with."""
    found: Operation = handler.__dict__["operation"]
    return found
