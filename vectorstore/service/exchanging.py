"""A collection gets other indexes while it is searched: one that was filled out of sight takes its place.

It stays the collection that it was, with its uid, rights, history and aliases. Milvus has no call that exchanges two
names, so for a moment nothing has the name: reads wait for that moment (``catalogue``, ``MilvusAdapter.read``), and
writes for the locks.
"""

from collections.abc import Callable
from contextlib import suppress

from django.db import transaction
from django.db.models import F

from vectorstore.config.collection_config import EXCHANGE_PREFIX
from vectorstore.domain.errors import Conflict, VectorStoreError
from vectorstore.domain.models import IndexSpec
from vectorstore.journal.locks import key_locks, lock_folder
from vectorstore.models import CollectionRecord
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import records
from vectorstore.service.catalogue import KnownCollection, forget, look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import changed
from vectorstore.service.engines import engine_of
from vectorstore.service.write_path import writing


def exchange(
    scope: Scope, name: str, uid: str, scratch: str, index: IndexSpec, last: Callable[[KnownCollection], None]
) -> None:
    """``scratch``, loaded and with the same rows, becomes the collection ``name``, whose index is now ``index``.

    ``last`` is called with the collection while nobody can write to it: what it raises leaves all as it was. What was
    there stays for ``discard``. May be repeated after a crash at any place.

    Raises:
        Conflict: another collection has the name now.
    """
    adapter = engine_of(scope.cluster).adapter
    if adapter.has_collection(scope.database, scratch) and adapter.has_collection(scope.database, name):
        discard(scope, uid)  # of an exchange before
        with writing(scope, look_up(scope, name)[0].whole, None) as (known, _):
            if known.uid != uid or known.schema.name != name:
                raise Conflict(f"The collection {name} was renamed or replaced meanwhile; ask again.")
            last(known)
            _put_in_place(scope, name, uid, scratch)
            _settle(scope, name, uid, index)
    else:  # a former run was cut off
        with key_locks(lock_folder(), uid, None):
            _put_in_place(scope, name, uid, scratch)
            _settle(scope, name, uid, index)
    changed(scope, name)


def discard(scope: Scope, uid: str) -> None:
    """Drop what was exchanged for another."""
    adapter = engine_of(scope.cluster).adapter
    if adapter.has_collection(scope.database, f"{EXCHANGE_PREFIX}{uid}"):
        adapter.drop_collection(scope.database, f"{EXCHANGE_PREFIX}{uid}")


def _put_in_place(scope: Scope, name: str, uid: str, scratch: str) -> None:
    """The record names the new one while nothing has the name: nobody can take either for a stranger."""
    adapter, aside = engine_of(scope.cluster).adapter, f"{EXCHANGE_PREFIX}{uid}"
    if not adapter.has_collection(scope.database, scratch):
        if adapter.has_collection(scope.database, aside) and not adapter.has_collection(scope.database, name):
            _back(scope, name, uid)  # the new one was cleaned away
            raise Conflict(f"The new index of {name} is gone; the collection is as it was. Ask again.")
        return
    try:
        if adapter.has_collection(scope.database, name):
            adapter.rename_collection(scope.database, name, aside)
        made = adapter.describe_collection(scope.database, scratch).engine_id
        CollectionRecord.objects.filter(uid=uid).update(engine_id=made)
        shared_state().wrote(scope.address(name), adapter.now())
        adapter.rename_collection(scope.database, scratch, name)
    except VectorStoreError:
        with suppress(VectorStoreError):
            if not adapter.has_collection(scope.database, name):
                _back(scope, name, uid)
        raise


def _back(scope: Scope, name: str, uid: str) -> None:
    """What was there has its name again."""
    adapter, aside = engine_of(scope.cluster).adapter, f"{EXCHANGE_PREFIX}{uid}"
    before = adapter.describe_collection(scope.database, aside).engine_id
    CollectionRecord.objects.filter(uid=uid).update(engine_id=before)
    adapter.rename_collection(scope.database, aside, name)


def _settle(scope: Scope, name: str, uid: str, index: IndexSpec) -> None:
    adapter, aside = engine_of(scope.cluster).adapter, f"{EXCHANGE_PREFIX}{uid}"
    with transaction.atomic():
        record = CollectionRecord.objects.get(uid=uid)
        CollectionRecord.objects.filter(pk=record.pk).update(generation=F("generation") + 1)
        records.record_index(record.pk, index, str(index.kind))
    if record.loaded:
        adapter.load_collection(scope.database, name, record.replicas)
    if adapter.has_collection(scope.database, aside):
        for alias in adapter.aliases_of(scope.database, aside):
            adapter.alter_alias(scope.database, alias, name)
    forget(scope)
