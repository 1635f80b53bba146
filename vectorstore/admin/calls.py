"""How admin pages call services: on whose behalf, and what is said when a call fails."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest

from vectorstore.access.actor import Actor
from vectorstore.domain.errors import VectorStoreError
from vectorstore.models import CollectionRecord
from vectorstore.service import Scope
from vectorstore.service.operation import Service

ADDED, CHANGED, DELETED = ADDITION, CHANGE, DELETION


def allowed(request: HttpRequest, action: str, record: CollectionRecord | None = None) -> bool:
    """Whether who is signed in may do ``action`` on the record's collection; without one, on any at all."""
    rights = Service(scope_for(request, record)).rights
    if record is None:
        return rights.somewhere(action)
    return rights.decide(action, record.cluster, record.database, record.name).allowed


def visible(request: HttpRequest, records: QuerySet[CollectionRecord]) -> QuerySet[CollectionRecord]:
    """The records of the collections that are there for who is signed in."""
    rights = Service(scope_for(request)).rights
    if rights.actor.superuser:
        return records
    places = records.order_by().values_list("pk", "cluster", "database", "name")
    return records.filter(pk__in=[pk for pk, *place in places if rights.decide("collection.view", *place).allowed])


def scope_for(request: HttpRequest, record: CollectionRecord | None = None) -> Scope:
    """Who is signed in, where the record's collection is (the default database without one)."""
    actor = Actor.of(request.user)
    return Scope(actor, record.cluster, record.database) if record else Scope(actor)


@contextmanager
def reported(request: HttpRequest, doing: str) -> Iterator[None]:
    """An error raised on purpose becomes a message: what was being done, and why it did not work."""
    try:
        yield
    except VectorStoreError as error:
        messages.error(request, f"{doing}: {error.detail}")


def log(request: HttpRequest, record: CollectionRecord, flag: int, what: str) -> None:
    """One entry of Django's log. ``record`` may be deleted already, as long as it still has its key."""
    LogEntry.objects.log_actions(
        user_id=request.user.pk or 0, queryset=[record], action_flag=flag, change_message=what, single_object=True
    )
