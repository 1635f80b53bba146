"""From a cluster's name to its connected engine and what that engine can do."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.utils import timezone

from vectorstore.adapters.capabilities import Capabilities
from vectorstore.adapters.capability_probe import probe
from vectorstore.adapters.connection_pool import get_adapter
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.rpc import Endpoint
from vectorstore.journal.locks import key_locks, lock_folder
from vectorstore.models import Cluster, CollectionRecord
from vectorstore.service.cluster_endpoints import DEFAULT, endpoint_of

log = logging.getLogger(__name__)

_ASK_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Engine:
    cluster: str
    adapter: MilvusAdapter
    capabilities: Capabilities


@dataclass(slots=True)
class _Known:
    engine: Engine
    asked_at: float


_known: dict[tuple[str, Endpoint], _Known] = {}
_locks: dict[str, threading.Lock] = {}
"""One for each cluster: one that does not answer keeps nobody from another."""


def engine_of(cluster: str = "default") -> Engine:
    """The engine with its capabilities: remembered, on record, or asked for now (seconds, once per version).

    Raises:
        NotFound: there is no cluster of that name.
        EngineUnavailable: it cannot be reached and nothing is remembered.
    """
    endpoint = endpoint_of(cluster)
    adapter = get_adapter(endpoint)
    known = _known.get((cluster, endpoint))
    if known is not None and known.engine.adapter is adapter and time.monotonic() - known.asked_at < _ASK_AGAIN_S:
        return known.engine
    with _locks.setdefault(cluster, threading.Lock()):
        known = _known.get((cluster, endpoint))
        if known is None or known.engine.adapter is not adapter or time.monotonic() - known.asked_at >= _ASK_AGAIN_S:
            capabilities = _capabilities(cluster, adapter, known)
            adapter.wants_loaded = _wants_loaded(cluster) if capabilities.forgets_loaded else None
            adapter.exchanged = _exchanged(cluster)
            adapter.know(capabilities)
            if cluster != DEFAULT:  # it was at another address before: that connection may end
                for key in [key for key in _known if key[0] == cluster]:
                    del _known[key]
            known = _known[cluster, endpoint] = _Known(Engine(cluster, adapter, capabilities), time.monotonic())
        return known.engine


def _wants_loaded(cluster: str) -> Callable[[str, str], bool]:
    """Whether a collection is on record as loaded."""
    return lambda database, name: CollectionRecord.objects.filter(
        cluster=cluster, database=database, name=name, loaded=True
    ).exists()


def _exchanged(cluster: str) -> Callable[[str, str], bool]:
    """Waits while the collection of that name is exchanged for another; False where none is on record."""

    def wait(database: str, name: str) -> bool:
        where = CollectionRecord.objects.filter(cluster=cluster, database=database, name=name)
        return no_longer_held(where.values_list("uid", flat=True).first())

    return wait


def no_longer_held(uid: str | None) -> bool:
    """Wait while somebody holds all of the collection ``uid``; False where there is no such one."""
    if uid is None:
        return False
    with key_locks(lock_folder(), uid, []):
        return True


def _capabilities(cluster: str, adapter: MilvusAdapter, known: _Known | None) -> Capabilities:
    version = adapter.version()
    if known is not None and known.engine.adapter is adapter and known.engine.capabilities.version == version:
        return known.engine.capabilities
    record = Cluster.objects.filter(name=cluster).first()
    if record is not None and record.version == version:
        try:
            return Capabilities.from_json(record.capabilities)
        except (KeyError, TypeError, ValueError):
            log.info("the record of %s is of another version of the product; asking the engine again", cluster)
    log.info("asking the engine of %s (%s) what it can do", cluster, version)
    adapter.reads_largest_int64 = True  # what was known must not colour the answers
    found = probe(adapter)
    learnt = {"version": version, "capabilities": found.to_json(), "probed_at": timezone.now()}
    if cluster == DEFAULT:
        Cluster.objects.update_or_create(name=cluster, defaults=learnt)
    else:  # it may have been deleted meanwhile
        Cluster.objects.filter(name=cluster).update(**learnt)
    return found
