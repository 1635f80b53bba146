"""A collection that was filled out of sight takes its name, alone or in the place of another."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from vectorstore.domain.definition import Definition
from vectorstore.domain.errors import AlreadyExists, VectorStoreError
from vectorstore.models import CollectionRecord
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import records
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import changed
from vectorstore.service.dropping import aside_name
from vectorstore.service.engines import engine_of
from vectorstore.service.write_path import writing


@dataclass(frozen=True, slots=True)
class Replaced:
    """What has the name before a swap, and how it is called afterwards: the same in every run."""

    uid: str
    kept: str
    aliases: tuple[str, ...]


def replaced(scope: Scope, name: str) -> Replaced:
    """
    Raises:
        NotFound: nothing has the name.
    """
    old = look_up(scope, name)[0]
    return Replaced(old.uid, aside_name(scope, old.schema.name, "replaced"), tuple(old.aliases))


def publish(
    scope: Scope, scratch: str, definition: Definition, name: str, notes: dict[str, Any], old: Replaced | None
) -> None:
    """``scratch`` becomes ``name``; what had the name, ``old``, is kept under another one, and its aliases move.

    May be repeated after a crash at any place.

    Raises:
        AlreadyExists: without ``old``, the name is taken; nothing was changed.
    """
    adapter = engine_of(scope.cluster).adapter
    waits = adapter.has_collection(scope.database, scratch)
    if old is None:
        if waits and adapter.has_collection(scope.database, name):
            raise AlreadyExists(f"The name {name!r} was taken meanwhile; restore to another target_name.")
        _take_name(scope, scratch, definition, name, notes, waits=waits)
        return
    if not adapter.has_collection(scope.database, old.kept):
        with writing(scope, look_up(scope, name)[0], None):
            adapter.rename_collection(scope.database, name, old.kept)
            _move_record(scope, old)
    _move_record(scope, old)
    shared_state().wrote(scope.address(old.kept), adapter.now())
    _take_name(scope, scratch, replace(definition, aliases=()), name, notes, waits=waits)
    for alias in old.aliases:
        adapter.alter_alias(scope.database, alias, name)
    changed(scope, old.kept)
    changed(scope, name)


def _move_record(scope: Scope, old: Replaced) -> None:
    """The old collection keeps its identity; whoever looked at it by its new name has left another record."""
    where = {"cluster": scope.cluster, "database": scope.database, "name": old.kept}
    with transaction.atomic():
        CollectionRecord.objects.filter(**where).exclude(uid=old.uid).delete()
        CollectionRecord.objects.filter(uid=old.uid).update(name=old.kept)


def _take_name(
    scope: Scope, scratch: str, definition: Definition, name: str, notes: dict[str, Any], *, waits: bool
) -> None:
    adapter = engine_of(scope.cluster).adapter
    if waits:
        for gone in (scratch, name):
            records.forget_record(scope, gone)
        adapter.rename_collection(scope.database, scratch, name)
    shared_state().wrote(scope.address(name), adapter.now())
    _finish(scope, definition, name, notes)


def _finish(scope: Scope, definition: Definition, name: str, notes: dict[str, Any]) -> None:
    adapter = engine_of(scope.cluster).adapter
    made = adapter.describe_collection(scope.database, name)
    records.restored(scope, definition, made, name)
    if definition.loaded and definition.indexes:
        adapter.load_collection(scope.database, name, definition.replicas)
    for alias in definition.aliases:
        if not adapter.has_collection(scope.database, alias):
            adapter.create_alias(scope.database, alias, name)
    changed(scope, name, **notes)


def take_back(scope: Scope, scratch: str) -> None:
    """Nothing of it stays."""
    with suppress(VectorStoreError):
        engine_of(scope.cluster).adapter.drop_collection(scope.database, scratch)
    records.forget_record(scope, scratch)
