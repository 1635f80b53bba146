"""How many requests a caller may send in a minute, counted in Redis for all processes of the gateway.

A window of a minute begins with the first request of a caller. Of a limit in the thousands a process draws a share at
once and spends it without asking again, so that a search waits for no counting; no more is ever spent than was drawn,
so the limit is exact. While Redis is away each process counts alone, on
from the count that it saw last, and tells Redis afterwards.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from vectorstore.config.settings import current

log = logging.getLogger(__name__)

WINDOW_S = 60
_PREFIX = "vectorstore:throttle:"
_TIMEOUT_S = 0.015
"""Of connecting and of an answer, each: with Redis away a request is held up for less than 20 ms."""
_RETRY_S = 1.0
_MOST_COUNTED = 100_000
_SHARES = 1_000
"""Into how many shares a limit is cut."""

# One round trip, and nobody comes between the count and its expiry.
_HIT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {count, left}
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``remaining`` requests are left of ``limit`` until the window ends, in ``reset_s`` whole seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: int


class Throttle:
    """Counts behind one Redis."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._down_until = 0.0
        self._alone = _Windows()

    @cached_property
    def _hit(self) -> Callable[[str, int], tuple[int, int]]:
        connection = redis.Redis.from_url(
            self._url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # the default would hold a request up for seconds
        )
        script = connection.register_script(_HIT)
        return lambda bucket, requests: script(keys=[_PREFIX + bucket], args=[WINDOW_S * 1000, requests])

    def hit(self, bucket: str, limit: int) -> Verdict:
        """Count one request."""
        now, untold = time.monotonic(), 1
        spent = self._alone.spend(bucket, limit, now)
        if spent is not None:
            return spent
        if now >= self._down_until:
            owed = self._alone.settle(bucket, now)
            share = max(1, limit // _SHARES)
            try:
                count, left_ms = self._hit(bucket, share + owed)
            except (redis.RedisError, OSError) as error:
                self._down_until = time.monotonic() + _RETRY_S
                log.warning("redis is not answering (%s); this process counts requests alone", type(error).__name__)
                # What was sent is counted as soon as a stalled Redis goes on.
                untold = 0 if isinstance(error, redis.TimeoutError) else 1 + owed
            else:
                drawn = share - max(0, count - limit)
                self._alone.saw(bucket, count, now, left_ms / 1000, max(0, drawn - 1))
                return Verdict(drawn > 0, limit, max(0, limit - count) + max(0, drawn - 1), _seconds(left_ms / 1000))
        count, left_s = self._alone.hit(bucket, now, untold)
        return _verdict(count, limit, left_s)


@dataclass(slots=True)
class _Window:
    """``untold`` of the requests are not known to Redis; ``drawn`` are known to it and not spent yet."""

    ends: float
    count: int = 0
    untold: int = 0
    drawn: int = 0


class _Windows:
    """The windows of one process, at most ``_MOST_COUNTED`` of them."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}
        self._lock = threading.Lock()

    def hit(self, bucket: str, now: float, untold: int) -> tuple[int, float]:
        """The count with this request, and the seconds left."""
        with self._lock:
            window = self._of(bucket, now)
            window.count += 1
            window.untold += untold
            return window.count, window.ends - now

    def spend(self, bucket: str, limit: int, now: float) -> Verdict | None:
        """One of the requests drawn before; None where none is left."""
        with self._lock:
            window = self._windows.get(bucket)
            if window is None or window.ends <= now or not window.drawn:
                return None
            window.drawn -= 1
            return Verdict(True, limit, max(0, limit - window.count) + window.drawn, _seconds(window.ends - now))

    def settle(self, bucket: str, now: float) -> int:
        """How many requests Redis is to be told of; they are taken as told."""
        with self._lock:
            window = self._windows.get(bucket)
            if window is None or window.ends <= now:
                return 0
            owed, window.untold = window.untold, 0
            return owed

    def saw(self, bucket: str, count: int, now: float, left_s: float, drawn: int) -> None:
        """What Redis has counted, and how many more it gave; answers may overtake each other."""
        with self._lock:
            window = self._of(bucket, now)
            another = now + left_s > window.ends + 1
            window.count = count if another else max(count, window.count)
            window.ends = now + left_s
            window.drawn = 0 if another else window.drawn  # what was drawn of a window ends with it
            window.drawn += drawn

    def _of(self, bucket: str, now: float) -> _Window:
        window = self._windows.get(bucket)
        if window is None or window.ends <= now:
            self._windows.pop(bucket, None)  # windows stand in the order in which they end
            self._make_room(now)
            window = self._windows[bucket] = _Window(now + WINDOW_S)
        return window

    def _make_room(self, now: float) -> None:
        while self._windows:
            oldest = next(iter(self._windows))
            if self._windows[oldest].ends > now and len(self._windows) < _MOST_COUNTED:
                return
            del self._windows[oldest]


def _verdict(count: int, limit: int, left_s: float) -> Verdict:
    return Verdict(count <= limit, limit, max(0, limit - count), _seconds(left_s))


def _seconds(left_s: float) -> int:
    return max(1, -int(-left_s // 1))


_throttles: dict[str, Throttle] = {}


def hit(bucket: str, limit_per_minute: int) -> Verdict:
    """Count one request of the caller named ``bucket``, behind the configured Redis. It raises nothing."""
    url = current().redis_url
    throttle = _throttles.get(url)
    if throttle is None:
        throttle = _throttles[url] = Throttle(url)
    return throttle.hit(bucket, limit_per_minute)
