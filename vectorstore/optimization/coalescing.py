"""Requests that arrive together and ask for the same thing of different items become one call.

The first one calls at once. Those that arrive while as many calls as allowed are under way form the next batch, which
the first of them sends as soon as a call ends. Nobody waits for a timer: who is alone pays nothing.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from prometheus_client import Histogram

from vectorstore.domain.errors import DeadlineExceeded, VectorStoreError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

Call = Callable[[Sequence[Item], float], Sequence[Answer]]
"""Answers for the items, in their order, within so many seconds."""


@dataclass(frozen=True, slots=True)
class Shared(Generic[Answer]):
    """``batch``: how many callers were in the call that gave the answer; ``waited`` seconds before it was sent."""

    answer: Answer
    batch: int
    waited: float


class _Caller(Generic[Item, Answer]):
    """One who asks. What the others set of it is set under the lock of the coalescer, before ``woken`` is released."""

    __slots__ = ("alone", "answer", "asked", "ends", "item", "led", "size", "turn", "woken")

    def __init__(self, item: Item, size: int, ends: float) -> None:
        self.item, self.size, self.ends = item, size, ends
        self.asked = time.monotonic()
        self.answer: Shared[Answer] | None = None
        self.led: list[_Caller[Item, Answer]] | None = None
        self.alone = False
        self.turn: threading.Lock | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


@dataclass(slots=True)
class _Lane(Generic[Item, Answer]):
    """All that is under way for one key."""

    calls: int = 0
    waiting: deque[_Caller[Item, Answer]] = field(default_factory=deque)


class Coalescer(Generic[Item, Answer]):
    """Thread-safe. Each key has its own lane: many callers of one key hold up nobody of another.

    ``most`` is the size of a batch, ``at_once`` the number of calls under way for a key; ``sizes`` is told how many
    callers each call is for.
    """

    def __init__(self, most: int = 64, at_once: int = 2, sizes: Histogram | None = None) -> None:
        self._most, self._at_once, self._sizes = most, at_once, sizes
        self._lock = threading.Lock()
        self._lanes: dict[Hashable, _Lane[Item, Answer]] = {}

    def ask(
        self, key: Hashable, item: Item, call: Call[Item, Answer], *, size: int = 1, deadline: float
    ) -> Shared[Answer]:
        """The answer for ``item`` of ``size`` within ``deadline`` seconds; ``call`` serves any items of ``key``.

        A batch that fails is asked for again by its callers, so that each gets its own answer or error; one after the
        other where Milvus refused it, which joins searches that arrive together itself.

        Raises:
            DeadlineExceeded: the time was over before the answer was there.
            VectorStoreError: what ``call`` raises for ``item`` alone.
        """
        me: _Caller[Item, Answer] = _Caller(item, size, time.monotonic() + deadline)
        with self._lock:
            lane = self._lanes.setdefault(key, _Lane())
            if lane.calls < self._at_once:
                lane.calls += 1
                me.led = [me]
            else:
                lane.waiting.append(me)
        if me.led is None:
            self._wait(lane, me)
        if me.led is not None:
            self._lead(key, lane, me, call)
        if me.answer is not None:
            return me.answer
        return self._alone(me, call)

    def waiting(self, key: Hashable) -> list[Item]:
        """What is in no call yet, in its order."""
        with self._lock:
            lane = self._lanes.get(key)
            return [caller.item for caller in lane.waiting] if lane else []

    @property
    def idle(self) -> bool:
        """Whether nobody is asking."""
        return not self._lanes

    def _wait(self, lane: _Lane[Item, Answer], me: _Caller[Item, Answer]) -> None:
        """Until somebody has the answer, hands over the lead, or says that each is to ask alone."""
        if me.woken.acquire(timeout=max(0.0, me.ends - time.monotonic())):
            return
        with self._lock:
            if me.answer is not None or me.led is not None or me.alone:
                return  # just now
            if me in lane.waiting:
                lane.waiting.remove(me)
        raise _too_late()

    def _lead(
        self, key: Hashable, lane: _Lane[Item, Answer], me: _Caller[Item, Answer], call: Call[Item, Answer]
    ) -> None:
        """Send the batch that ``me`` leads, and give each its answer."""
        batch, found, sent = me.led or [], None, time.monotonic()
        turn: threading.Lock | None = threading.Lock()
        try:
            batch = [each for each in batch if each.ends > sent]
            if batch:
                self._observe(len(batch))
                found = call([each.item for each in batch], min(each.ends for each in batch) - sent)
        except Exception as error:
            if len(batch) == 1 and batch[0] is me:
                raise
            if isinstance(error, VectorStoreError) and error.retryable:
                turn = None  # it was not for what was asked
        finally:
            with self._lock:
                self._hand_over(key, lane)
                for place, each in enumerate(batch):
                    if found is None:
                        each.alone, each.turn = True, turn
                    else:
                        each.answer = Shared(found[place], len(batch), sent - each.asked)
            for each in batch:
                if each is not me:
                    each.woken.release()

    def _hand_over(self, key: Hashable, lane: _Lane[Item, Answer]) -> None:
        """The first who waits leads the next batch; with nobody left the lane is gone."""
        if not lane.waiting:
            lane.calls -= 1
            if not lane.calls:
                del self._lanes[key]
            return
        leader = lane.waiting.popleft()
        leader.led, size = [leader], leader.size
        while lane.waiting and size + lane.waiting[0].size <= self._most:
            follower = lane.waiting.popleft()
            leader.led.append(follower)
            size += follower.size
        leader.woken.release()

    def _alone(self, me: _Caller[Item, Answer], call: Call[Item, Answer]) -> Shared[Answer]:
        if me.turn is not None and not me.turn.acquire(timeout=max(0.0, me.ends - time.monotonic())):
            raise _too_late()
        try:
            left = me.ends - time.monotonic()
            if left <= 0:
                raise _too_late()
            self._observe(1)
            waited = time.monotonic() - me.asked
            return Shared(call([me.item], left)[0], 1, waited)
        finally:
            if me.turn is not None:
                me.turn.release()

    def _observe(self, callers: int) -> None:
        if self._sizes is not None:
            self._sizes.observe(callers)


def _too_late() -> DeadlineExceeded:
    return DeadlineExceeded("Milvus did not answer in time; this waited for others. Ask again, or for less.")
