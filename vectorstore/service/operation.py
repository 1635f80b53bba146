"""The steps that every use case shares: check the right, record the intent, do it, record how it ended."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from dataclasses import field as made_by
from typing import Any, Literal, NoReturn
from uuid import uuid4

from vectorstore.access.rights import Decision, Rights, rights_of
from vectorstore.audit import log as audit
from vectorstore.audit.entry import Entry
from vectorstore.audit.redact import parameters_of
from vectorstore.domain.errors import AuditUnavailable, NotFound, PermissionDenied, VectorStoreError
from vectorstore.optimization.shared_state import State, shared_state
from vectorstore.service.acts import entry_of
from vectorstore.service.catalogue import KnownCollection, look_up
from vectorstore.service.context import Scope

log = logging.getLogger("vectorstore.operations")

_READS = ("view", "search", "query", "verify")
"""What actions end in that change nothing: they are recorded once, when they have ended, off the request's way."""


@dataclass(slots=True)
class Operation:
    """One act under way; what it fills in is recorded: how many ids were named, how many rows found or changed."""

    ids: int | None = None
    rows: int | None = None
    parameters: dict[str, Any] = made_by(default_factory=dict)


@dataclass(slots=True)
class CollectionOperation(Operation):
    """``known`` is within what the caller may see: its rows and its fields."""

    known: KnownCollection = None  # type: ignore[assignment]  # always given
    state: State = None  # type: ignore[assignment]


class Service:
    """Base of the services: they differ in their methods, not in how they are made."""

    def __init__(self, scope: Scope | None = None) -> None:
        self.scope = scope or Scope()

    @property
    def rights(self) -> Rights:
        """The caller's rights of now."""
        actor = self.scope.actor
        return rights_of(actor, None if actor.superuser else shared_state().access_version())

    @contextmanager
    def operation(self, action: str, target: str | None = None, request: Any = None) -> Iterator[Operation]:
        """An act on no collection that is there: on the gateway as a whole, or on the name ``target``.

        Raises:
            PermissionDenied: the caller may not do ``action``.
            AuditUnavailable: it cannot be recorded; nothing was done.
        """
        scope = self.scope
        decision = self.rights.decide(action, scope.cluster, scope.database, target)
        under_way = Operation(parameters=parameters_of(request) if request is not None else {})
        with _recorded(scope, action, target or "", decision, under_way):
            if not decision.allowed:
                raise _refusal(scope, action, decision)
            yield under_way

    @contextmanager
    def listing(self, action: str) -> Iterator[Operation]:
        """A list of what the caller may know of: nobody is refused, and who has no right gets an empty one."""
        under_way = Operation()
        with _recorded(self.scope, action, "", Decision(True, "a list of what is visible"), under_way):
            yield under_way

    @contextmanager
    def on_collection(self, action: str, name: str, request: Any = None) -> Iterator[CollectionOperation]:
        """An act on a collection, by its name or an alias.

        Raises:
            NotFound: there is none of that name, or none that the caller may know of: the two are never told apart.
            PermissionDenied: the caller may not do ``action``.
            AuditUnavailable: it cannot be recorded; nothing was done.
        """
        scope = self.scope
        known, state = look_up(scope, name)
        decision = rights_of(scope.actor, state.access).decide(action, scope.cluster, scope.database, known.schema.name)
        parameters = parameters_of(request) if request is not None else {}
        under_way = CollectionOperation(known=known, state=state, parameters=parameters)
        with _recorded(scope, action, known.schema.name, decision, under_way):
            if not decision.visible:
                raise NotFound(f"There is no collection {name[:255]!r}.")
            if not decision.allowed:
                raise _refusal(scope, action, decision)
            under_way.known = known.within(decision.limits)
            yield under_way

    def require(self, action: str, target: str | None = None) -> None:
        """A second right that an act needs, within the operation that records it.

        Raises:
            PermissionDenied: the caller has it not.
        """
        decision = self.rights.decide(action, self.scope.cluster, self.scope.database, target)
        if not decision.allowed:
            raise _refusal(self.scope, action, decision)

    def hidden(self, action: str, target: str, detail: str) -> NoReturn:
        """For what is there and not for this caller: recorded as denied, answered as what is not there.

        Raises:
            NotFound: with ``detail``.
        """
        denied = Decision(False, "not visible", visible=False)
        with _recorded(self.scope, action, target, denied, Operation()):
            raise NotFound(detail)

    def may(self, action: str, name: str) -> bool:
        """Whether the caller may do ``action`` on the collection; not where there is none."""
        try:
            known, state = look_up(self.scope, name)
        except NotFound:
            return False
        rights = rights_of(self.scope.actor, state.access)
        return rights.decide(action, self.scope.cluster, self.scope.database, known.schema.name).allowed

    def explain_right(self, action: str, collection: str | None) -> Decision:
        """The decision about ``action`` and why, on a collection, by its name or an alias, or on the gateway."""
        name = collection
        if collection is not None:
            try:
                name = look_up(self.scope, collection)[0].schema.name
            except VectorStoreError:  # there is none, or Milvus is away: asked of the name as it is
                name = collection
        decision = self.rights.decide(action, self.scope.cluster, self.scope.database, name)
        if not decision.visible:  # what an alias points to is not told
            return replace(decision, reason=f"no grant gives {action} on {collection}")
        return decision

    def glance(self, action: str, name: str) -> KnownCollection:
        """The collection as the caller sees it, for an act that ``on_collection`` checks and records afterwards.

        Raises:
            NotFound: as ``on_collection``.
        """
        known, state = look_up(self.scope, name)
        decision = rights_of(self.scope.actor, state.access).decide(
            action, self.scope.cluster, self.scope.database, known.schema.name
        )
        if not decision.visible:
            raise NotFound(f"There is no collection {name[:255]!r}.")
        return known.within(decision.limits)


def _refusal(scope: Scope, action: str, decision: Decision) -> PermissionDenied:
    return PermissionDenied(f"{scope.actor.name} may not do {action}: {decision.reason}.")


@contextmanager
def _recorded(scope: Scope, action: str, target: str, decision: Decision, under_way: Operation) -> Iterator[None]:
    changes = decision.allowed and action.rsplit(".", 1)[-1] not in _READS
    event = uuid4().hex

    def entry(phase: Literal["intent", "outcome"], **columns: Any) -> Entry:
        return entry_of(
            scope.actor,
            action,
            phase=phase,
            event_id=event,
            cluster=scope.cluster,
            database=scope.database,
            collection=target,
            ids=under_way.ids,
            grants=decision.grants,
            parameters=under_way.parameters,
            **columns,
        )

    if changes:
        audit.append(entry("intent"))
    began = time.perf_counter()
    outcome, refused = "ok", False
    try:
        yield
    except PermissionDenied as error:  # a second right was lacking
        outcome, refused = error.code, True
        raise
    except VectorStoreError as error:
        outcome = error.code
        raise
    except BaseException:
        outcome = "internal_error"
        raise
    finally:
        spent = round((time.perf_counter() - began) * 1_000_000)
        result: dict[str, Any] = {"us": spent}
        if under_way.rows is not None:
            result["rows"] = under_way.rows
        ended = entry("outcome", allowed=decision.allowed and not refused, outcome=outcome, result=result)
        log.debug("%s %s by %s: %s in %d us", action, target, scope.actor.name, outcome, spent)
        if changes:
            _close(ended)
        else:
            audit.append_soon(ended)


def _close(ended: Entry) -> None:
    """The effect is there whether or not it can be recorded: an intent left open is closed as unknown later."""
    try:
        audit.append(ended)
    except AuditUnavailable:
        log.error("the outcome of %s (%s) could not be recorded", ended.action, ended.event_id)
