"""What all processes of the gateway must agree on for a read: kept in Redis, read in one round trip.

* the catalogue's version of a database, moved by every change of a schema: a remembered schema is used only
  while its version is the current one;
* the version of all rights, moved by every change of a grant, a group or an account;
* which fields are searched with a recall target, so that their recall is measured;
* the engine's timestamp of the last write to a collection: a read waits for it, so that a search sees what
  any process of the gateway wrote before;
* the generation of a collection, moved when a write begins and when it ends, and which writes are under way: an answer
  is kept under the generation that was read before it was asked for, and not while a write is under way.

Without Redis nothing is remembered and reads ask for strong consistency: slower, never wrong. What Redis could not be
told is in the database (``pending_changes``), and until it is delivered Redis is as good as away.
"""

import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import orjson
import redis

from vectorstore.config.settings import current
from vectorstore.domain.models import CollectionName
from vectorstore.optimization import state_changes
from vectorstore.optimization.pending_changes import PendingChanges
from vectorstore.optimization.redis_connection import PATIENT_S, QUICK_S, Away, RedisConnection
from vectorstore.optimization.state_changes import (
    PREFIX,
    Change,
    catalogue_key,
    generation_key,
    new_version,
    open_key,
    written_key,
)

_WANTED = f"{PREFIX}recall-wanted"
_WANTED_TTL_S = 24 * 3600.0
_WANTED_AGAIN_S = 300.0
ACCESS = f"{PREFIX}access"
EPOCH = f"{PREFIX}epoch"
"""There unless Redis has lost its memory."""
ANEW = f"{PREFIX}anew"
"""There for a while after that, in which the time of the last write may be lost: longer than a bounded read of Milvus
may lag behind (5 s unless configured otherwise)."""
_ANEW_S = 10


@dataclass(frozen=True, slots=True)
class State:
    """``catalogue`` and ``access`` are None where Redis cannot be asked; ``written`` is 0 where no write is known.

    ``generation`` is None where no answer may be kept or taken from the cache; ``lost`` says that writes may have been
    forgotten.
    """

    catalogue: int | None
    written: int
    access: int | None = None
    generation: int | None = None
    lost: bool = False

    @property
    def blind(self) -> bool:
        """Whether there may be writes that this does not know of."""
        return self.catalogue is None or (self.lost and not self.written)


AWAY = State(None, 0)


@dataclass(frozen=True, slots=True)
class OpenWrite:
    """A write under way to the collection ``name``; ``told``: Redis knows of it."""

    name: CollectionName
    writer: str
    told: bool


class SharedState:
    def __init__(self, url: str) -> None:
        self._quick = RedisConnection(url, QUICK_S, text=True)
        self._patient = RedisConnection(url, PATIENT_S, text=True)
        self._pending = PendingChanges(lambda changes: self._quick.ask(lambda it: state_changes.send(it, changes)))
        self._wanted: dict[tuple[CollectionName, str], float] = {}

    # Reading

    def read(self, name: CollectionName) -> State:
        """The state that a read of ``name`` has to respect."""
        versions = (catalogue_key(name), ACCESS, generation_key(name))
        try:
            found = self._values(versions, written_key(name), open_key(name), ANEW)
        except Away:
            return AWAY
        catalogue, access, generation, written, under_way, anew = found
        return State(
            catalogue=int(catalogue or 0),
            written=int(written or 0),
            access=int(access or 0),
            generation=None if under_way or anew else int(generation or 0),
            lost=bool(anew),
        )

    def access_version(self) -> int | None:
        """The version of all rights; None where Redis cannot be asked."""
        try:
            return int(self._values((ACCESS,))[0] or 0)
        except Away:
            return None

    def _values(self, versions: Sequence[str], *more: str) -> list[str | None]:
        """The versions, each made where it is missing, and what is at the other keys.

        Raises:
            Away: Redis cannot be asked, or has not been told everything.
        """
        if not self._pending.none():
            raise Away
        return self._quick.ask(lambda client: _read(client, versions, more))

    # Changing

    def wrote(self, name: CollectionName, timestamp: int) -> None:
        """Record the engine's timestamp of a write; 0 (an engine without timestamps) is nothing to record.

        What ends the write, or tells of the change that it belongs to, also waits until it is known to all.
        """
        if timestamp:
            self._tell(Change("written", written_key(name), str(timestamp)))

    def want_recall(self, name: CollectionName, field: str) -> None:
        """A search of ``field`` has a recall target: kept for a day, and told once in five minutes by each process."""
        now = time.monotonic()
        if now - self._wanted.get((name, field), -_WANTED_AGAIN_S) < _WANTED_AGAIN_S:
            return
        wanted = {orjson.dumps([name.cluster, name.database, name.name, field]): time.time()}
        with suppress(Away):
            self._quick.ask(lambda client: client.zadd(_WANTED, wanted))
            self._wanted[name, field] = now

    def wanted_recalls(self) -> list[tuple[CollectionName, str]]:
        """The fields that were searched with a recall target within a day, the latest last; none without Redis."""
        try:
            self._patient.ask(lambda client: client.zremrangebyscore(_WANTED, 0, time.time() - _WANTED_TTL_S))
            found = self._patient.ask(lambda client: cast(list[str], client.zrange(_WANTED, 0, -1)))
        except Away:
            return []
        wanted = [orjson.loads(item) for item in found]
        return [(CollectionName(cluster, database, name), field) for cluster, database, name, field in wanted]

    def catalogue_changed(self, cluster: str, database: str) -> None:
        """Make every process forget what it remembers of the schemas of a database."""
        self._tell(Change("version", catalogue_key(CollectionName(cluster, database, ""))))
        self._pending.wait()

    def access_changed(self) -> None:
        """Make every process forget what it remembers of rights."""
        self._tell(Change("version", ACCESS))
        self._pending.wait()

    def begin_write(self, name: CollectionName) -> OpenWrite:
        """Until it is ended no answer is kept of the collection, nor any taken that was kept before.

        A writer that dies leaves it open for ten minutes, or until the collection is settled.
        """
        writer = uuid.uuid4().hex
        return OpenWrite(name, writer, self._tell(Change("opened", str(name), writer)))

    def end_write(self, write: OpenWrite, *, clear: bool) -> None:
        """Once this returns nobody gets what was kept before. A write without a ``clear`` outcome stays open."""
        self._end(write, "closed" if clear else "opened")

    def settle(self, write: OpenWrite) -> None:
        """As ``end_write``, where no other write is under way nor can have an effect that is not there yet."""
        self._end(write, "settled")

    def _end(self, write: OpenWrite, op: str) -> None:
        change = Change(op, str(write.name), write.writer)
        if write.told:
            self._tell(change)
        else:  # what opens it may be delivered only now
            self._pending.put(change)
        self._pending.wait()

    def purge(self, name: CollectionName) -> None:
        """Nobody gets what is kept of the collection."""
        self._tell(Change("closed", str(name)))
        self._pending.wait()

    def _tell(self, change: Change) -> bool:
        """Tell Redis, or put it down for who can; returns whether Redis was told."""
        try:
            self._patient.ask(lambda client: state_changes.send(client, (change,)))
        except Away:
            self._pending.put(change)
            return False
        return True


def _read(client: redis.Redis, versions: Sequence[str], more: Sequence[str]) -> list[str | None]:
    keys = (*versions, EPOCH, *more)
    found = cast(list[str | None], client.mget(keys))
    if None in found[: len(versions) + 1]:
        with client.pipeline(transaction=True) as pipe:  # a memory lost in between takes all of it
            if found[len(versions)] is None:
                pipe.set(ANEW, 1, ex=_ANEW_S)
                pipe.set(EPOCH, 1)
            for key in versions:
                pipe.set(key, new_version(), nx=True)
            pipe.execute()
        found = cast(list[str | None], client.mget(keys))
        if None in found[: len(versions) + 1]:  # it loses its memory again and again
            raise Away
    return [*found[: len(versions)], *found[len(versions) + 1 :]]


_states: dict[str, SharedState] = {}


def shared_state() -> SharedState:
    """The state behind the configured Redis."""
    url = current().redis_url
    state = _states.get(url)
    if state is None:
        state = _states[url] = SharedState(url)
    return state
