"""Which sets are kept."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectorstore.backup.retention import RULES, Retention, SetState, plan

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def _sets(*hours_ago: float, verified: bool = True) -> list[SetState]:
    return [
        SetState(set_id=f"{hours:g}", end_at=NOW - timedelta(hours=hours), verified=verified) for hours in hours_ago
    ]


_set = st.builds(
    lambda number, hours, verified, pinned, origin, parent, lease: SetState(
        set_id=str(number),
        end_at=NOW - timedelta(hours=hours),
        verified=verified,
        pinned=pinned,
        origin=origin,
        parent=parent,
        lease_until=None if lease is None else NOW + timedelta(minutes=lease),
    ),
    st.integers(0, 40),
    st.floats(-5, 3000),
    st.booleans(),
    st.sampled_from([True, False, False, False]),
    st.sampled_from([True, False, False, False]),
    st.none() | st.integers(0, 40).map(str),
    st.none() | st.integers(-60, 60),
)
_many = st.lists(_set, max_size=25, unique_by=lambda item: item.set_id)
_counts = {rule: st.integers(0, 4) for rule in RULES}
_policy = st.builds(Retention, **{**_counts, "window_days": st.just(0) | st.integers(0, 125)})


@settings(max_examples=300, deadline=None)
@given(_many, _policy)
def test_what_must_never_go_stays(sets: list[SetState], policy: Retention) -> None:
    found = plan(sets, policy, NOW)
    by_id = {item.set_id: item for item in sets}
    assert set(found.keep) | set(found.delete) == set(by_id)
    assert not set(found.keep) & set(found.delete)
    assert len(found.delete) == len(set(found.delete))
    assert all(reasons for reasons in found.keep.values())
    verified = sorted((item for item in sets if item.verified), key=lambda item: item.end_at)
    if verified:
        assert any(item.end_at == verified[-1].end_at and item.set_id in found.keep for item in verified)
    window = NOW - timedelta(days=policy.window_days)
    before = [item for item in verified if policy.window_days and item.end_at <= window]
    if before:
        assert any(item.end_at == before[-1].end_at and item.set_id in found.keep for item in before)
    for item in sets:
        if item.pinned or item.origin or (item.lease_until is not None and item.lease_until > NOW):
            assert item.set_id in found.keep
        if item.set_id in found.keep and item.parent in by_id:
            assert item.parent in found.keep
    if not any(getattr(policy, rule) for rule in RULES):
        assert not found.delete


@settings(max_examples=200, deadline=None)
@given(_many, _policy)
def test_to_plan_again_after_deleting_deletes_nothing_more(sets: list[SetState], policy: Retention) -> None:
    found = plan(sets, policy, NOW)
    left = [item for item in sets if item.set_id in found.keep]
    assert plan(left, policy, NOW).delete == ()


@settings(max_examples=100, deadline=None)
@given(_many, _policy, st.randoms())
def test_the_order_of_the_sets_does_not_count(sets: list[SetState], policy: Retention, random: Random) -> None:
    mixed = sorted(sets, key=lambda _: random.random())
    one, other = plan(sets, policy, NOW), plan(mixed, policy, NOW)
    assert (one.keep.keys(), set(one.delete)) == (other.keep.keys(), set(other.delete))


def _year(policy: Retention) -> Iterator[tuple[datetime, list[SetState]]]:
    """A set every six hours, retention after each: the time and what is there then."""
    kept = list[SetState]()
    start = datetime(2025, 1, 1, 3, tzinfo=UTC)
    for step in range(4 * 366):
        now = start + timedelta(hours=6 * step)
        kept.append(SetState(set_id=str(step), end_at=now))
        gone = set(plan(kept, policy, now).delete)
        kept = [item for item in kept if item.set_id not in gone]
        assert kept[-1].set_id == str(step)
        yield now, kept


def test_a_simulated_year_keeps_a_full_ladder() -> None:
    policy = Retention(last=3, daily=7, weekly=4, monthly=12, window_days=10, timezone="Europe/Berlin")
    *_, (_, kept) = _year(policy)
    ends = [item.end_at.astimezone(ZoneInfo("Europe/Berlin")) for item in kept]
    days = sorted({end.date() for end in ends}, reverse=True)
    assert [(days[0] - day).days for day in days[:7]] == list(range(7))
    assert len({(end.year, end.month) for end in ends}) == 12
    assert len({end.isocalendar()[:2] for end in ends}) >= 4
    assert len(kept) <= 3 + 7 + 4 + 12 + 2


@pytest.mark.parametrize("policy", [Retention(last=1), Retention(last=3), Retention(daily=7), Retention(weekly=1)])
def test_the_recovery_window_stays_covered_and_its_base_does_not_grow_old(policy: Retention) -> None:
    window, first = timedelta(days=10), datetime(2025, 1, 1, 3, tzinfo=UTC)
    for now, kept in _year(replace(policy, window_days=window.days)):
        bases = [item.end_at for item in kept if item.end_at <= max(now - window, first)]
        assert bases, now
        assert now - max(bases) <= 2 * window + timedelta(hours=12)


def test_the_last_ones_are_kept_with_the_reason() -> None:
    found = plan(_sets(1, 2, 3), Retention(last=2), NOW)
    assert found.keep == {"1": ("newest verified", "last"), "2": ("last",)}
    assert found.delete == ("3",)


def test_only_verified_sets_fill_a_rule() -> None:
    sets = [*_sets(2, 4, 6), *_sets(1, 3, verified=False)]
    found = plan(sets, Retention(last=2), NOW)
    assert found.keep == {"1": ("not verified yet",), "2": ("newest verified", "last"), "4": ("last",)}
    assert set(found.delete) == {"3", "6"}


def test_without_any_verified_set_nothing_goes() -> None:
    assert plan(_sets(1, 2, verified=False), Retention(last=1), NOW).delete == ()


def test_days_are_those_of_the_time_zone() -> None:
    late = SetState(set_id="late", end_at=datetime(2026, 6, 30, 21, tzinfo=UTC))
    later = SetState(set_id="later", end_at=datetime(2026, 6, 30, 23, tzinfo=UTC))
    assert plan([late, later], Retention(daily=2), NOW).delete == ("late",)
    assert plan([late, later], Retention(daily=2, timezone="Europe/Berlin"), NOW).delete == ()


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    sets = [SetState(set_id="first", end_at=first), SetState(set_id="second", end_at=second)]
    assert plan(sets, Retention(hourly=2, timezone="Europe/Berlin"), second).delete == ()


def test_weeks_go_across_the_new_year() -> None:
    ends = {"monday": datetime(2025, 12, 29, tzinfo=UTC), "thursday": datetime(2026, 1, 1, tzinfo=UTC)}
    sets = [SetState(set_id=name, end_at=end) for name, end in ends.items()]
    assert plan(sets, Retention(weekly=2), NOW).delete == ("monday",)


def test_what_a_kept_set_is_built_on_is_kept_and_children_go_first() -> None:
    chain = [
        SetState(set_id=str(number), end_at=NOW - timedelta(hours=9 - number), parent=str(number - 1))
        for number in range(1, 6)
    ]
    base = SetState(set_id="0", end_at=NOW - timedelta(hours=9))
    other = SetState(set_id="other", end_at=NOW)
    found = plan([base, *chain], Retention(last=1), NOW)
    assert found.delete == ()
    assert found.keep["0"] == ("parent",)
    assert plan([base, *chain, other], Retention(last=1), NOW).delete == ("5", "4", "3", "2", "1", "0")


def test_a_lease_that_has_ended_holds_nothing() -> None:
    held = SetState(set_id="held", end_at=NOW - timedelta(hours=5), lease_until=NOW + timedelta(seconds=1))
    sets = [*_sets(1), held]
    assert plan(sets, Retention(last=1), NOW).keep["held"] == ("in use",)
    assert plan(sets, Retention(last=1), NOW + timedelta(seconds=1)).delete == ("held",)


@pytest.mark.parametrize("counts", [{}, {"last": None}, {"last": 0, "daily": 0}])
def test_a_policy_without_retention_keeps_everything(counts: dict[str, int | None]) -> None:
    policy = Retention.from_policy(counts, "UTC")
    assert plan(_sets(1, 2, 3), policy, NOW).delete == ()


def test_a_policy_gives_its_counts() -> None:
    counts = {"last": 1, "hourly": 2, "daily": 3, "weekly": 4, "monthly": 5, "drill": 9}
    wanted = Retention(last=1, hourly=2, daily=3, weekly=4, monthly=5, timezone="Asia/Tokyo")
    assert Retention.from_policy(counts, "Asia/Tokyo") == wanted
