"""Clusters on record: which Milvus servers this gateway serves, and how it reaches them.

``default`` is the environment's and only shown. Passwords and client keys are kept encrypted and never given back.
"""

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass
from datetime import datetime
from threading import Thread
from typing import Any, TypeVar

from django.db import IntegrityError, connection, transaction

from vectorstore.adapters.connection_pool import get_adapter
from vectorstore.adapters.rpc import Endpoint
from vectorstore.config.encryption import encrypt
from vectorstore.domain.access_requests import ClusterChanges, ClusterRequest
from vectorstore.domain.errors import AlreadyExists, Conflict, InvalidRequest, NotFound, VectorStoreError
from vectorstore.models import Cluster, CollectionRecord
from vectorstore.service.cluster_endpoints import DEFAULT, endpoint_of, endpoint_on_record, forget
from vectorstore.service.cluster_rules import NAME, check, read_address, written
from vectorstore.service.engines import engine_of
from vectorstore.service.operation import Service
from vectorstore.service.plain_text import refuse_nul

T = TypeVar("T")

_TEST_S = 4.5
_REACH_S = 3.0
_PEM = ("ca_pem", "client_pem", "server_name")


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """What may be told of a cluster. ``version`` is that of the last time it was asked."""

    name: str
    uri: str
    user: str
    ca_pem: str
    client_pem: str
    server_name: str
    version: str
    probed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClusterAnswer:
    """``capabilities`` are None where they were not found out in time; ``detail`` says why it is not reachable."""

    reachable: bool
    version: str
    capabilities: dict[str, Any] | None
    detail: str


class ClusterService(Service):
    def list(self) -> list[ClusterInfo]:
        """All clusters; ``default`` is always there."""
        with self.operation("cluster.view"):
            records = {record.name: record for record in Cluster.objects.all()}
            records.setdefault(DEFAULT, Cluster(name=DEFAULT))
            shown = [record for name, record in records.items() if name == DEFAULT or record.uri]
            return sorted(map(_info, shown), key=lambda info: info.name)

    def get(self, name: str) -> ClusterInfo:
        """Raises NotFound: there is none of that name."""
        with self.operation("cluster.view") as act:
            act.parameters = {"cluster": name[:64]}
            return _info(_default() if name == DEFAULT else _found(name))

    def create(self, request: ClusterRequest) -> ClusterInfo:
        """
        Raises:
            AlreadyExists: the name is taken.
            Conflict: another cluster is at this address.
            InvalidRequest: a value is wrong, or values do not go together.
        """
        refuse_nul(request)
        with self.operation("cluster.manage") as act:
            act.parameters = {"create": "cluster", "cluster": request.name[:64]}
            if not NAME.fullmatch(request.name):
                raise InvalidRequest.at("/name", "a name is 1 to 64 small letters, digits and hyphens")
            if request.name == DEFAULT or Cluster.objects.filter(name=request.name).exists():
                raise _taken()
            endpoint = _changed(Endpoint(""), request)
            act.parameters = {**act.parameters, "uri": written(endpoint), "what": _given(request)}
            record = Cluster(name=request.name)
            _keep(record, endpoint)
            return _info(record)

    def update(self, name: str, changes: ClusterChanges) -> ClusterInfo:
        """A new address is used at once by this process and within five seconds by the others.

        Raises:
            NotFound: there is none of that name.
            Conflict: it is ``default``, or another cluster is at this address.
            InvalidRequest: as ``create``, or the address changes and the password is not given again.
        """
        refuse_nul(changes)
        with self.operation("cluster.manage") as act:
            act.parameters = {"change": "cluster", "cluster": name[:64], "what": _given(changes)}
            _refuse_default(name)
            record = _found(name)
            former = endpoint_on_record(record)
            endpoint = _changed(former, changes)
            act.parameters = {**act.parameters, "uri": written(endpoint)}
            _refuse_moved_secrets(former, endpoint, changes)
            _keep(record, endpoint)
            return _info(record)

    def delete(self, name: str) -> None:
        """Take a cluster off record, with what is on record of its collections. Milvus itself is left as it is.

        Raises:
            NotFound: there is none of that name.
            Conflict: it is ``default``.
        """
        with self.operation("cluster.manage") as act:
            act.parameters = {"delete": "cluster", "cluster": name[:64]}
            _refuse_default(name)
            record = _found(name)
            with transaction.atomic():
                CollectionRecord.objects.filter(cluster=name).delete()
                record.delete()
            forget(name)

    def test(self, name: str) -> ClusterAnswer:
        """Whether a cluster answers now, within five seconds.

        What an engine of a new version can do takes longer to find out; that goes on, and is there the next time.

        Raises:
            NotFound: there is none of that name.
        """
        with self.operation("cluster.manage") as act:
            act.parameters = {"test": "cluster", "cluster": name[:64]}
            ends = time.monotonic() + _TEST_S
            if name != DEFAULT:
                _found(name)
                forget(name)  # another process may have changed it in the last seconds
            try:
                adapter = get_adapter(endpoint_of(name))
                version = _within(_REACH_S, lambda: adapter.version(timeout=_REACH_S))
                if version is None:
                    return ClusterAnswer(False, "", None, "Milvus did not answer in time.")
                engine = _within(max(0.1, ends - time.monotonic()), lambda: engine_of(name))
            except VectorStoreError as error:
                return ClusterAnswer(reachable=False, version="", capabilities=None, detail=error.detail)
            return ClusterAnswer(True, version, engine.capabilities.to_json() if engine else None, "")


def _within(seconds: float, work: Callable[[], T]) -> T | None:
    """What ``work`` returns, or None if that takes longer; it then goes on by itself."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # told to whoever waits
            future.set_exception(error)
        finally:
            connection.close()

    Thread(target=run, name="cluster-test", daemon=True).start()
    try:
        return future.result(seconds)
    except NoAnswer:
        return None


def _changed(endpoint: Endpoint, request: ClusterRequest | ClusterChanges) -> Endpoint:
    """``endpoint`` with what ``request`` gives."""
    given: dict[str, Any] = {name: getattr(request, name) for name in ("user", "password")}
    if request.uri is not None:
        given["host"], given["port"], given["tls"] = read_address(request.uri)
    if request.tls is not None:
        given |= {name: getattr(request.tls, name) for name in (*_PEM, "client_key")}
    changed = dataclasses.replace(endpoint, **{name: value for name, value in given.items() if value is not None})
    check(changed)
    return changed


def _refuse_moved_secrets(former: Endpoint, endpoint: Endpoint, changes: ClusterChanges) -> None:
    """Whoever may change an address could have the kept password sent to a host of theirs."""
    if (former.host, former.port, former.tls) == (endpoint.host, endpoint.port, endpoint.tls):
        return
    if former.password and changes.password is None:
        raise InvalidRequest.at("/password", "give the password again with another address")


def _given(request: ClusterRequest | ClusterChanges) -> list[str]:
    """The names of what a request gives: the values are partly secret, and none is of use without the others."""
    names = [name for name in ("uri", "user", "password") if getattr(request, name) not in (None, "")]
    tls = request.tls
    return names + [f"tls.{name}" for name in (*_PEM, "client_key") if tls and getattr(tls, name) is not None]


def _keep(record: Cluster, endpoint: Endpoint) -> None:
    _refuse_shared(record.name, endpoint)
    uri = written(endpoint)
    if record.uri != uri:  # what was found out is of the engine at the former address
        record.version, record.capabilities, record.probed_at = "", {}, None
    record.uri, record.user = uri, endpoint.user
    record.password, record.client_key = encrypt(endpoint.password), encrypt(endpoint.client_key)
    for name in _PEM:
        setattr(record, name, getattr(endpoint, name))
    try:
        with transaction.atomic():
            record.save()
    except IntegrityError:
        raise _taken() from None
    forget(record.name)


def _refuse_shared(name: str, endpoint: Endpoint) -> None:
    """Under two names rights, caches and locks would not know that they are about the same rows."""
    others = {record.name: read_address(record.uri)[:2] for record in Cluster.objects.exclude(uri="")}
    default = endpoint_of(DEFAULT)
    others[DEFAULT] = (default.host, default.port)
    for other, address in others.items():
        if other != name and address == (endpoint.host, endpoint.port):
            raise Conflict(f"The cluster {other!r} is at this address already.")


def _refuse_default(name: str) -> None:
    if name == DEFAULT:
        raise Conflict(f"The cluster {DEFAULT!r} is set by the environment of the gateway and is not changed here.")


def _taken() -> AlreadyExists:
    return AlreadyExists("There is a cluster of that name already.")


def _default() -> Cluster:
    return Cluster.objects.filter(name=DEFAULT).first() or Cluster(name=DEFAULT)


def _found(name: str) -> Cluster:
    record = Cluster.objects.filter(name=name).exclude(uri="").first()
    if record is None:
        raise NotFound("There is no such cluster.")
    return record


def _info(record: Cluster) -> ClusterInfo:
    source: Any = record
    uri = record.uri
    if record.name == DEFAULT:
        source = endpoint_of(DEFAULT)
        uri = written(source)
    known = {name: getattr(source, name) for name in ("user", *_PEM)}
    return ClusterInfo(name=record.name, uri=uri, version=record.version, probed_at=record.probed_at, **known)
