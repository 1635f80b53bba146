"""Changes that could not be brought to Redis wait in the database, where every process looks before it trusts Redis.

A process that reads the shared state has looked at most ``_LOOK_S`` before, and whoever puts a change down waits
``_WAIT_S`` before it says that it is done: by then nobody trusts what Redis had before.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from django.db import Error

from vectorstore.models import PendingChange
from vectorstore.optimization.redis_connection import QUICK_S, Away
from vectorstore.optimization.state_changes import Change

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_AHEAD_S = 0.1
"""From then on one looks again while the others go on: all of them waiting for it would be as if Redis were away."""
_WAIT_S = 0.25
_AT_ONCE = 100


class PendingChanges:
    """Thread-safe. ``deliver`` brings changes to Redis, or raises Away."""

    def __init__(self, deliver: Callable[[Sequence[Change]], None]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._none = False
        self._mine = threading.local()

    def put(self, change: Change) -> None:
        """
        Raises:
            django.db.Error: the database does not take it.
        """
        PendingChange.objects.create(op=change.op, key=change.key, value=change.value)
        self._mine.put_at = time.monotonic()
        self._looked_at = float("-inf")

    def wait(self) -> None:
        """Until every process has looked since this thread last put a change down."""
        put_at = getattr(self._mine, "put_at", None)
        if put_at is not None:
            time.sleep(max(0.0, put_at + _WAIT_S - time.monotonic()))
            del self._mine.put_at

    def none(self) -> bool:
        """Whether Redis has been told everything, as of ``_LOOK_S`` ago at most; what is pending is delivered now."""
        age = time.monotonic() - self._looked_at
        if age < _AHEAD_S:
            return self._none
        if not self._lock.acquire(blocking=False):
            if age < _LOOK_S:  # somebody looks; what is known still holds
                return self._none
            if not self._lock.acquire(timeout=QUICK_S):  # who looks now has much to deliver
                return False
        try:
            if time.monotonic() - self._looked_at >= _AHEAD_S:
                began = time.monotonic()  # what is put down while this looks may be missed
                self._none = self._delivered()
                self._looked_at = began
            return self._none
        finally:
            self._lock.release()

    def _delivered(self) -> bool:
        try:
            while rows := list(PendingChange.objects.order_by("pk")[:_AT_ONCE]):
                self._deliver([Change(row.op, row.key, row.value) for row in rows])
                PendingChange.objects.filter(pk__in=[row.pk for row in rows]).delete()
                log.info("redis was told %d changes that it had missed", len(rows))
        except Away:
            return False
        except Error as error:
            log.warning("whether changes are pending cannot be read: %s", type(error).__name__)
            return False
        return True
