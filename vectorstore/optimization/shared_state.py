"""What all processes of the gateway must agree on for a read: kept in Redis, read in one round trip.

* the catalogue's version of a database, moved by every change of a schema: a remembered schema is used only
  while its version is the current one;
* the version of all rights, moved by every change of a grant, a group or an account;
* the engine's timestamp of the last write to a collection: a read waits for it, so that a search sees what
  any process of the gateway wrote before.

Without Redis nothing is remembered and reads ask for strong consistency: slower, never wrong.
"""

import logging
import time
from dataclasses import dataclass
from functools import cached_property

import redis

from vectorstore.config.settings import current
from vectorstore.domain.models import CollectionName

log = logging.getLogger(__name__)

_PREFIX = "vectorstore:state:"
_ACCESS = f"{_PREFIX}access"
_WRITTEN_TTL_S = 600
_TIMEOUT_S = 0.5
_RETRY_S = 1.0

# Timestamps are 19 digits, beyond what Lua's numbers hold exactly, and equally long: compared as text.
_KEEP_LARGER = """
local now = redis.call('GET', KEYS[1])
if not now or #now < #ARGV[1] or (#now == #ARGV[1] and now < ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""


@dataclass(frozen=True, slots=True)
class State:
    """``catalogue`` and ``access`` are None where Redis cannot be asked; ``written`` is 0 where no write is known."""

    catalogue: int | None
    written: int
    access: int | None = None


class SharedState:
    def __init__(self, url: str) -> None:
        self._url = url
        self._down_until = 0.0
        self._unsent: dict[CollectionName, int] = {}
        self._unsent_changes: set[str] = set()

    @cached_property
    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(
            self._url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, decode_responses=True
        )

    def read(self, name: CollectionName) -> State:
        """The state that a read of ``name`` has to respect."""
        if time.monotonic() < self._down_until:
            return State(None, 0)
        try:
            self._send_unsent()
            catalogue, written, access = self._redis.mget(_catalogue_key(name), _written_key(name), _ACCESS)
        except redis.RedisError as error:
            self._failed(error)
            return State(None, 0)
        return State(int(catalogue or 0), int(written or 0), int(access or 0))

    def access_version(self) -> int | None:
        """The version of all rights; None where Redis cannot be asked."""
        if time.monotonic() < self._down_until:
            return None
        try:
            self._send_unsent()
            return int(self._redis.get(_ACCESS) or 0)
        except redis.RedisError as error:
            self._failed(error)
            return None

    def wrote(self, name: CollectionName, timestamp: int) -> None:
        """Record the engine's timestamp of a write; 0 (an engine without timestamps) is nothing to record."""
        if not timestamp:
            return
        self._unsent[name] = max(timestamp, self._unsent.get(name, 0))
        try:
            self._send_unsent()
        except redis.RedisError as error:
            self._failed(error)

    def _send_unsent(self) -> None:
        """What could not be recorded during an outage of Redis is recorded before anything is read again."""
        for key in list(self._unsent_changes):
            self._redis.set(key, time.time_ns())  # only ever compared for equality; a counter would start anew
            self._unsent_changes.discard(key)
        for name, timestamp in list(self._unsent.items()):
            self._redis.eval(_KEEP_LARGER, 1, _written_key(name), str(timestamp), str(_WRITTEN_TTL_S))
            if self._unsent.get(name) == timestamp:
                self._unsent.pop(name, None)

    def catalogue_changed(self, cluster: str, database: str) -> None:
        """Make every process forget what it remembers of the schemas of a database."""
        self._changed(_catalogue_key(CollectionName(cluster, database, "")))

    def access_changed(self) -> None:
        """Make every process forget what it remembers of rights."""
        self._changed(_ACCESS)

    def _changed(self, key: str) -> None:
        self._unsent_changes.add(key)
        try:
            self._send_unsent()
        except redis.RedisError as error:
            self._failed(error)

    def _failed(self, error: redis.RedisError) -> None:
        log.warning("redis is not answering (%s: %s); reads go on without it", type(error).__name__, error)
        self._down_until = time.monotonic() + _RETRY_S


def _catalogue_key(name: CollectionName) -> str:
    return f"{_PREFIX}catalogue:{name.cluster}/{name.database}"


def _written_key(name: CollectionName) -> str:
    return f"{_PREFIX}written:{name}"


_states: dict[str, SharedState] = {}


def shared_state() -> SharedState:
    """The state behind the configured Redis."""
    url = current().redis_url
    state = _states.get(url)
    if state is None:
        state = _states[url] = SharedState(url)
    return state
