"""Is each part that the product stands on there? Every answer comes within ``TIMEOUT_S``.

The checks run on threads of their own, one a component: where an earlier one still hangs, its place is taken
and the component counts as not answering, so a black hole costs one thread however often it is asked about.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass
from enum import StrEnum

import redis
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from vectorstore.adapters.connection_pool import endpoint_of_environment, get_adapter
from vectorstore.config.settings import current

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0
NEEDED = ("database", "audit")


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Component:
    """``latency_ms`` is None where there was no answer; ``detail`` says what is wrong, never a driver's text."""

    name: str
    status: Status
    version: str = ""
    latency_ms: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """``status`` is the worst of the components'."""

    status: Status
    components: tuple[Component, ...]


class NotReady(Exception):
    """Reachable and yet not usable; the text is for whoever reads the health page."""


Check = Callable[[float], str]
"""Called with the seconds it may take; answers a version."""


def examine(checks: Mapping[str, Check] | None = None, timeout: float = TIMEOUT_S) -> Health:
    """Ask everything at once. What is in ``NEEDED`` decides readiness: without Milvus or Redis much still works."""
    ends = time.monotonic() + timeout
    begun = [
        (name, Status.FAIL if name in NEEDED else Status.WARN, _begin(name, check, timeout * 0.9))
        for name, check in (CHECKS if checks is None else checks).items()
    ]
    components = tuple(_outcome(name, severity, future, ends) for name, severity, future in begun)
    order = list(Status)
    return Health(max((item.status for item in components), key=order.index), components)


Answer = tuple[str, float]
"""Version and milliseconds."""

_hanging: dict[str, Future[Answer]] = {}
_lock = threading.Lock()


def _begin(name: str, check: Check, timeout: float) -> Future[Answer]:
    with _lock:
        earlier = _hanging.get(name)
        if earlier is not None and not earlier.done():
            return earlier
        future: Future[Answer] = Future()
        _hanging[name] = future
    threading.Thread(target=_run, args=(future, check, timeout), name=f"health-{name}", daemon=True).start()
    return future


def _run(future: Future[Answer], check: Check, timeout: float) -> None:
    began = time.perf_counter()
    try:
        version = check(timeout)
        future.set_result((version, round((time.perf_counter() - began) * 1000, 1)))
    except Exception as error:  # whatever it is, the component is not well
        future.set_exception(error)
    finally:
        connection.close()


def _outcome(name: str, severity: Status, future: Future[Answer], ends: float) -> Component:
    try:
        version, latency = future.result(timeout=max(0.0, ends - time.monotonic()))
    except NoAnswer:
        return Component(name, severity, detail="does not answer in time")
    except NotReady as error:
        return Component(name, severity, detail=str(error))
    except Exception as error:
        log.warning("health check of %s failed: %s", name, type(error).__name__)
        return Component(name, severity, detail="cannot be reached")
    return Component(name, Status.OK, version, latency)


_migrated = threading.Event()


def _database(timeout: float) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT current_setting('server_version')")
        else:
            cursor.execute("SELECT sqlite_version()")
        version = str(cursor.fetchone()[0])
    # Reading the whole graph costs tens of milliseconds, and what was applied stays applied.
    if not _migrated.is_set():
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if waiting:
            raise NotReady(f"{len(waiting)} migrations are not applied: run manage.py migrate")
        _migrated.set()
    return f"{connection.vendor} {version}"


def _redis(timeout: float) -> str:
    seconds = timeout / 2  # connecting and answering
    with redis.Redis.from_url(current().redis_url, socket_connect_timeout=seconds, socket_timeout=seconds) as client:
        return str(client.info("server")["redis_version"])


def _milvus(timeout: float) -> str:
    return get_adapter(endpoint_of_environment()).version(timeout=timeout)


CHECKS: Mapping[str, Check] = {"database": _database, "redis": _redis, "milvus": _milvus}
