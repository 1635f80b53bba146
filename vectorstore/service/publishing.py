"""A collection that was filled out of sight takes its name, alone or in the place of another."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from vectorstore.domain.definition import Definition
from vectorstore.domain.errors import AlreadyExists, Conflict, VectorStoreError
from vectorstore.journal.locks import key_locks, lock_folder
from vectorstore.models import CollectionRecord
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import records
from vectorstore.service.catalogue import forget, look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import announced, changed
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


def publish(scope: Scope, scratch: str, definition: Definition, notes: dict[str, Any], old: Replaced | None) -> None:
    """``scratch`` becomes what ``definition`` says, with its name and ``uid``; ``notes`` say what it began with.

    What had the name, ``old``, is kept under another one, and its aliases move. May be repeated after a crash at any
    place.

    Raises:
        AlreadyExists: without ``old``, the name is taken; nothing was changed.
        Conflict: another collection than ``old`` has the name; nothing was changed.
    """
    adapter, name = engine_of(scope.cluster).adapter, definition.name
    waits = adapter.has_collection(scope.database, scratch)
    if old is None:
        if waits and adapter.has_collection(scope.database, name):
            raise AlreadyExists(f"The name {name!r} was taken meanwhile; restore to another target_name.")
        _take_name(scope, scratch, definition, notes, waits=waits)
        return
    if not adapter.has_collection(scope.database, old.kept):
        with writing(scope, look_up(scope, name)[0], None) as (known, _):
            if known.uid != old.uid:
                raise Conflict(f"The collection {name} was replaced meanwhile; ask again.")
            adapter.rename_collection(scope.database, name, old.kept)
            _move_record(scope, old)
    else:  # a former run was cut off: whoever still writes by the old name ends first
        with key_locks(lock_folder(), old.uid, None):
            _move_record(scope, old)
    shared_state().wrote(scope.address(old.kept), adapter.now())
    _take_name(scope, scratch, replace(definition, aliases=()), notes, waits=waits)
    for alias in old.aliases:
        adapter.alter_alias(scope.database, alias, name)
    changed(scope, old.kept)
    changed(scope, name)


def _move_record(scope: Scope, old: Replaced) -> None:
    """The old collection keeps its identity; whoever looked at it by its new name has left another record.

    The caller holds its locks: who writes next learns that the name is another's.
    """
    where = {"cluster": scope.cluster, "database": scope.database, "name": old.kept}
    with transaction.atomic():
        CollectionRecord.objects.filter(**where).exclude(uid=old.uid).delete()
        records.set_aside(old.uid, old.kept)
    forget(scope)


def _take_name(scope: Scope, scratch: str, definition: Definition, notes: dict[str, Any], *, waits: bool) -> None:
    """The journal and the record have it before anybody can see it: a write that comes at once finds both."""
    adapter, name = engine_of(scope.cluster).adapter, definition.name
    if waits:
        announced(replace(definition, aliases=()), **notes)
        records.restored(scope, definition, adapter.describe_collection(scope.database, scratch), name)
        adapter.rename_collection(scope.database, scratch, name)
    shared_state().wrote(scope.address(name), adapter.now())
    if definition.loaded and definition.indexes:
        adapter.load_collection(scope.database, name, definition.replicas)
    for alias in definition.aliases:
        if not adapter.has_collection(scope.database, alias):
            adapter.create_alias(scope.database, alias, name)
    changed(scope, name)


def take_back(scope: Scope, scratch: str) -> None:
    """Nothing of it stays."""
    with suppress(VectorStoreError):
        engine_of(scope.cluster).adapter.drop_collection(scope.database, scratch)
