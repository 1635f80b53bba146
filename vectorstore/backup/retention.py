"""Which sets are kept: the union of several rules, decided without looking at the storage."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState:
    """What counts of a set. Times are aware; ``end_at`` is the moment it holds (S1).

    ``origin``: a collection was restored from it and has no set of its own.
    """

    set_id: str
    end_at: datetime
    verified: bool = True
    pinned: bool = False
    parent: str | None = None
    origin: bool = False
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many are kept: the last ones, and the newest of each of so many hours, days, weeks (from Monday), months.

    Hours and days are those of ``timezone``; one without a verified set is not counted. ``window_days``: every moment
    of so many days can be restored. All zero: every set is kept.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    window_days: int = 0
    timezone: str = "UTC"

    @classmethod
    def from_policy(cls, counts: dict[str, Any], timezone: str) -> "Retention":
        """From ``BackupPolicy.retention`` and its time zone."""
        return cls(**{name: int(counts.get(name) or 0) for name in RULES}, timezone=timezone)


RULES = ("last", "hourly", "daily", "weekly", "monthly", "window_days")


@dataclass(frozen=True, slots=True)
class Plan:
    """``keep`` names the reasons, ``delete`` is in an order that never leaves a child without its parent."""

    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    delete: tuple[str, ...] = ()


def plan(sets: Iterable[SetState], policy: Retention, now: datetime) -> Plan:
    """What to keep and what to delete of ``sets``, at ``now``.

    Only verified sets fill a rule. Kept besides: pinned sets, those that a restore holds or a restored collection
    began as, the newest verified one, the newest verified one not after the window's start (so that every moment since
    can be restored), those that are newer than the newest verified (their verification may be to come), and whatever a
    kept set is built on. The oldest verified one within the window is kept too: it grows old enough to take over, where
    a short rule would let none.
    """
    newest = sorted(sets, key=lambda item: (item.end_at, item.set_id), reverse=True)
    verified = [item for item in newest if item.verified]
    reasons: dict[str, list[str]] = {}

    def keep(item: SetState, reason: str) -> None:
        found = reasons.setdefault(item.set_id, [])
        if reason not in found:
            found.append(reason)

    if not any(getattr(policy, rule) for rule in RULES):
        for item in newest:
            keep(item, "no retention")
    for item in newest:
        if item.pinned:
            keep(item, "pinned")
        if item.lease_until is not None and item.lease_until > now:
            keep(item, "in use")
        if item.origin:
            keep(item, "origin")
        if not verified or item.end_at > verified[0].end_at:
            keep(item, "not verified yet")
    for item in verified[:1]:
        keep(item, "newest verified")
    if policy.window_days:
        window_start = now - timedelta(days=policy.window_days)
        before = [item for item in verified if item.end_at <= window_start]
        after = [item for item in verified if item.end_at > window_start]
        for item in (*before[:1], *after[-1:]):
            keep(item, "recovery window")
    for item in verified[: policy.last]:
        keep(item, "last")
    for rule, bucket in _buckets(ZoneInfo(policy.timezone)).items():
        for item in _newest_of_each(verified, bucket, getattr(policy, rule)):
            keep(item, rule)
    by_id = {item.set_id: item for item in newest}
    for item in newest:
        # All of a chain is reached from its kept end, whatever the order of the times.
        parent, child = by_id.get(item.parent or ""), item
        while child.set_id in reasons and parent is not None and "parent" not in reasons.get(parent.set_id, ()):
            keep(parent, "parent")
            child, parent = parent, by_id.get(parent.parent or "")
    return Plan({key: tuple(value) for key, value in reasons.items()}, _children_first(newest, reasons))


def _buckets(zone: ZoneInfo) -> dict[str, Callable[[datetime], tuple[int, ...]]]:
    def hour(at: datetime) -> tuple[int, ...]:
        local = at.astimezone(zone)
        return (local.year, local.month, local.day, local.hour, local.fold)

    def week(at: datetime) -> tuple[int, ...]:
        return tuple(at.astimezone(zone).isocalendar()[:2])

    return {"hourly": hour, "daily": lambda at: hour(at)[:3], "weekly": week, "monthly": lambda at: hour(at)[:2]}


def _newest_of_each(
    newest: Sequence[SetState], bucket: Callable[[datetime], tuple[int, ...]], count: int
) -> list[SetState]:
    found: dict[tuple[int, ...], SetState] = {}
    for item in newest:
        if len(found) >= count:
            break
        found.setdefault(bucket(item.end_at), item)
    return list(found.values())


def _children_first(newest: Sequence[SetState], kept: dict[str, list[str]]) -> tuple[str, ...]:
    by_id = {item.set_id: item for item in newest if item.set_id not in kept}
    depths: dict[str, int] = {}

    def depth(item: SetState) -> int:
        """How many sets it is built on, of those that go too."""
        path = []
        current: SetState | None = item
        while current is not None and current.set_id not in depths and current not in path:
            path.append(current)
            current = by_id.get(current.parent or "")
        below = depths.get(current.set_id, 0) if current is not None else -1
        for place, each in enumerate(reversed(path)):
            depths[each.set_id] = below + 1 + place
        return depths[item.set_id]

    return tuple(item.set_id for item in sorted(by_id.values(), key=depth, reverse=True))
