"""The one owner of deadlines and retries towards Milvus.

A call is repeated only if repeating it is harmless; pauses grow from 50 ms with full jitter and stay within
the deadline; repeats add at most a tenth to the calls (the budget), so that an outage is not amplified.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import grpc
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from tenacity.stop import stop_base

from vectorstore.adapters.errors import RetryableStatus, is_transient, translate_rpc
from vectorstore.adapters.guards import Bulkhead, CircuitBreaker
from vectorstore.domain.errors import EngineUnavailable, OutcomeUnknown, Overloaded, VectorStoreError

T = TypeVar("T")

_NO_ANSWER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """``deadline`` in seconds for all attempts together; ``lane`` is the class of calls that it is guarded with."""

    deadline: float
    attempts: int
    is_write: bool
    lane: str


class CallKind(Enum):
    """What a call does decides how long it may take and whether it may be repeated."""

    READ = CallPolicy(10, 3, is_write=False, lane="read")
    DESCRIBE = CallPolicy(3, 3, is_write=False, lane="describe")
    WRITE = CallPolicy(30, 2, is_write=True, lane="write")  # upsert, delete by id, insert with known ids
    WRITE_ONCE = CallPolicy(30, 1, is_write=True, lane="write")  # insert with engine-made ids, delete by filter, rename
    DDL = CallPolicy(60, 1, is_write=True, lane="admin")


@dataclass(slots=True)
class CallStats:
    """What a call took: how often Milvus was called, and the seconds in which its answer was decoded."""

    attempts: int = 0
    decode_s: float = 0.0


class RetryBudget:
    """Every call earns a tenth of a repeat; at most ten are saved up."""

    def __init__(self, share: float = 0.1, most: float = 10) -> None:
        self._share, self._most, self._saved = share, most, most
        self._lock = threading.Lock()

    def earn(self) -> None:
        with self._lock:
            self._saved = min(self._most, self._saved + self._share)

    def spend(self) -> bool:
        """Whether one more repeat is allowed now."""
        with self._lock:
            if self._saved < 0.999:  # tenths do not add up exactly
                return False
            self._saved -= 1
            return True


class Guards:
    """The breakers and bulkheads of one cluster, and its budget of repeats. ``threads`` serve requests here."""

    def __init__(self, threads: int) -> None:
        self.budget = RetryBudget()
        places = {"read": threads, "describe": threads, "write": max(4, threads // 2), "admin": max(4, threads // 4)}
        self.breakers = {lane: CircuitBreaker() for lane in places}
        self.bulkheads = {lane: Bulkhead(number) for lane, number in places.items()}


class _OutOfBudget(stop_base):
    def __init__(self, budget: RetryBudget, ends: float) -> None:
        self._budget, self._ends = budget, ends

    def __call__(self, state: object) -> bool:
        return time.monotonic() >= self._ends or not self._budget.spend()


def run(
    call: Callable[[float], T],
    kind: CallKind,
    name: str,
    guards: Guards,
    timeout: float | None = None,
    stats: CallStats | None = None,
) -> T:
    """Do ``call(seconds_left)`` under the policy of ``kind``; ``timeout`` replaces its deadline, ``stats`` counts.

    Raises:
        VectorStoreError: the translated failure of the last attempt.
        EngineUnavailable, Overloaded: a guard refused it; Milvus was not called.
    """
    with guards.bulkheads[kind.value.lane].place():
        return _repeat(call, kind, name, guards, timeout, stats or CallStats())


def _repeat(
    call: Callable[[float], T], kind: CallKind, name: str, guards: Guards, timeout: float | None, stats: CallStats
) -> T:
    policy, budget, breaker = kind.value, guards.budget, guards.breakers[kind.value.lane]
    ends = time.monotonic() + (timeout if timeout is not None else policy.deadline)
    budget.earn()
    unclear = False  # a write that was sent and not answered: whatever a repeat meets, it may have been applied

    def attempt() -> T:
        nonlocal unclear
        breaker.admit()
        stats.attempts += 1
        failed = True
        try:
            answer = call(max(0.001, ends - time.monotonic()))
            failed = False
        except VectorStoreError:
            failed = False  # Milvus answered, if only to refuse
            raise
        except grpc.RpcError as error:
            failed = error.code() in _NO_ANSWER
            unclear |= policy.is_write and isinstance(translate_rpc(error, name, is_write=True), OutcomeUnknown)
            raise
        finally:
            breaker.record(failed=failed)
        return answer

    loop = Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(policy.attempts) | _OutOfBudget(budget, ends),
        wait=wait_random_exponential(multiplier=0.05, max=1),
        reraise=True,
    )
    try:
        return loop(attempt)
    except RetryableStatus as error:
        failure = error.error
    except grpc.RpcError as error:
        failure = translate_rpc(error, name, is_write=policy.is_write)
    except (EngineUnavailable, Overloaded) as error:  # a guard
        failure = error
    if unclear and not isinstance(failure, OutcomeUnknown):
        raise OutcomeUnknown("Milvus went away during the write; it may or may not have been applied.")
    raise failure
