"""A collection that was filled out of sight takes its name, alone or in the place of another."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from vectorstore.domain.definition import Definition
from vectorstore.domain.errors import AlreadyExists, NotFound, VectorStoreError
from vectorstore.models import CollectionRecord
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import records
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import changed
from vectorstore.service.dropping import aside_name
from vectorstore.service.engines import engine_of
from vectorstore.service.write_path import writing


def publish(
    scope: Scope, scratch: str, definition: Definition, name: str, notes: dict[str, Any], *, replaces: bool
) -> None:
    """``scratch`` becomes ``name``; with ``replaces``, what has that name now is kept as ``<name>__replaced_<time>``.

    It may be repeated after a crash at any place.

    Raises:
        AlreadyExists: the name is taken; nothing was changed.
    """
    adapter = engine_of(scope.cluster).adapter
    if not adapter.has_collection(scope.database, scratch):  # a former run came this far
        _finish(scope, definition, name, notes)
        return
    if not adapter.has_collection(scope.database, name):
        _take_name(scope, scratch, definition, name, notes)
        return
    if not replaces:
        raise AlreadyExists(f"The name {name!r} was taken meanwhile; restore to another target_name.")
    old = look_up(scope, name)[0]
    with writing(scope, old, None):
        kept = aside_name(name, "replaced")
        aliases = list(old.aliases)
        adapter.rename_collection(scope.database, name, kept)
        CollectionRecord.objects.filter(pk=old.record_id).update(name=kept)
        shared_state().wrote(scope.address(kept), adapter.now())
        _take_name(scope, scratch, replace(definition, aliases=()), name, notes)
        for alias in aliases:
            adapter.alter_alias(scope.database, alias, name)
        changed(scope, kept)
        changed(scope, name)


def _take_name(scope: Scope, scratch: str, definition: Definition, name: str, notes: dict[str, Any]) -> None:
    adapter = engine_of(scope.cluster).adapter
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
    with suppress(NotFound, VectorStoreError):
        engine_of(scope.cluster).adapter.drop_collection(scope.database, scratch)
    records.forget_record(scope, scratch)
