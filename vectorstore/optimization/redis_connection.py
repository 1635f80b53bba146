"""A Redis that may go away: it is waited for briefly, and then left alone for a while."""

import logging
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

QUICK_S = 0.015
"""How long a search waits for Redis: of connecting and of an answer, each. It is held up for less than 20 ms."""
PATIENT_S = 0.25
"""How long a write waits: what Redis is not told costs it more."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 1.0
_OUTAGE = 3
_ONCE_S = 0.05
"""For so long a thread does not ask again after a failure: a request waits once, however often it would ask."""

T = TypeVar("T")


class Away(Exception):
    """Redis does not answer, or did not a moment ago."""


class Circuit:
    """Thread-safe. After three failures, each asked after the one before and none answered in between, nobody asks for
    a while, and then one does; each pause is twice the one before.

    One answer that is late is no outage: on a machine that is busy it happens now and then, and to leave Redis alone
    for it would slow down all others too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._failed_at = self._until = self._pause = 0.0

    def lets(self) -> bool:
        """Whether the caller may ask now."""
        if not self._pause:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return False
            self._until = now + self._pause  # the others wait for what this caller finds
            return True

    def failed(self, asked_at: float) -> None:
        """Who asked before the last failure tells nothing new."""
        with self._lock:
            if asked_at < self._failed_at:
                return
            self._failed_at = time.monotonic()
            self._failures += 1
            if self._failures < _OUTAGE:
                return
            self._pause = min(self._pause * 2 or _FIRST_PAUSE_S, _LONGEST_PAUSE_S)
            self._until = self._failed_at + self._pause

    def worked(self) -> None:
        if self._failures:
            with self._lock:
                self._failures, self._pause = 0, 0.0


class RedisConnection:
    """One Redis, asked within ``timeout_s`` seconds."""

    def __init__(self, url: str, timeout_s: float, *, text: bool) -> None:
        self._url, self._timeout_s, self._text = url, timeout_s, text
        self._circuit = Circuit()
        self._mine = threading.local()

    @cached_property
    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self._url,
            socket_timeout=self._timeout_s,
            socket_connect_timeout=self._timeout_s,
            decode_responses=self._text,
            retry=Retry(NoBackoff(), 0),  # the default would hold a request up for seconds
        )

    def ask(self, call: Callable[[redis.Redis], T]) -> T:
        """
        Raises:
            Away: Redis did not answer, now or a moment ago.
        """
        asked_at = time.monotonic()
        if asked_at - getattr(self._mine, "failed_at", -_ONCE_S) < _ONCE_S or not self._circuit.lets():
            raise Away
        try:
            answer = call(self._client)
        except (redis.RedisError, OSError) as error:
            self._mine.failed_at = time.monotonic()
            self._circuit.failed(asked_at)
            log.warning("redis is not answering (%s: %s)", type(error).__name__, error)
            raise Away from error
        self._circuit.worked()
        return answer
