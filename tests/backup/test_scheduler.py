"""What is due is started once, made up once, never over itself; and what is deleted is never the last good set."""

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.support.backups import carried_out, collections, set_row, store_at
from tests.support.engines import RunningEngine
from vectorstore.backup import upkeep
from vectorstore.backup.backup_service import BackupService
from vectorstore.backup.place import backup_place
from vectorstore.backup.scheduler import RETRY, apply_retention, next_runs, plan_of, run_due, start_drills
from vectorstore.config.settings import BASE_DIR
from vectorstore.domain.errors import Conflict, StorageFailed
from vectorstore.models import (
    AuditRecord,
    Backup,
    BackupPolicy,
    Job,
    JobState,
    JournalEntry,
    JournalHead,
    JournalSegment,
)
from vectorstore.monitoring.metrics import recorded
from vectorstore.service.context import Scope
from vectorstore.service.job_service import submit

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def store_folder(tmp_path: Path, transactional_db: None, bound: pytest.MonkeyPatch) -> Path:
    return store_at(bound, tmp_path / "backups")


def policy(made: datetime = NOON, **columns: Any) -> BackupPolicy:
    values = {"name": "p", "collections": ["*"], "schedule": "* * * * *", **columns}
    row = BackupPolicy.objects.create(**values)
    BackupPolicy.objects.filter(pk=row.pk).update(created_at=made)
    row.refresh_from_db()
    return row


class Starts:
    """Counts what is started, and starts nothing."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, policy: BackupPolicy) -> None:
        self.names.append(policy.name)


def test_each_minute_is_started_once() -> None:
    policy()
    starts = Starts()
    assert run_due(NOON + timedelta(seconds=59), starts) == 0
    assert [run_due(NOON + MINUTE + timedelta(seconds=second), starts) for second in (0, 1, 30, 59)] == [1, 0, 0, 0]
    assert run_due(NOON + 2 * MINUTE, starts) == 1
    assert starts.names == ["p", "p"]


@pytest.mark.parametrize("away", [timedelta(hours=5), timedelta(days=400)])
def test_times_that_were_missed_are_made_up_once(away: timedelta) -> None:
    row = policy(schedule="*/30 * * * *")
    starts = Starts()
    assert run_due(NOON + away, starts) == 1
    assert run_due(NOON + away + MINUTE, starts) == 0
    row.refresh_from_db()
    assert row.last_due_at == NOON + away


def test_what_is_not_enabled_is_not_started() -> None:
    policy(enabled=False)
    assert run_due(NOON + MINUTE, Starts()) == 0


def test_one_policy_that_fails_keeps_no_other_from_starting(caplog: pytest.LogCaptureFixture) -> None:
    policy(name="bad")
    policy(name="good")
    started = Starts()

    policy(name="broken")

    def start(row: BackupPolicy) -> None:
        if row.name == "bad":
            raise Conflict("It cannot be.")
        if row.name == "broken":
            raise ValueError
        started(row)

    assert run_due(NOON + MINUTE, start) == 1
    assert started.names == ["good"]
    assert BackupPolicy.objects.get(name="broken").error is not None
    assert "the policy bad could not start its backup: It cannot be." in caplog.text


def test_a_start_that_failed_is_seen_and_tried_again_after_a_pause() -> None:
    row = policy(schedule="0 3 * * *")
    three, starts, away = NOON + timedelta(hours=15), Starts(), True

    def start(due: BackupPolicy) -> None:
        if away:
            raise StorageFailed("It is away.")
        starts(due)

    assert run_due(three, start) == 0
    row.refresh_from_db()
    assert (row.error, row.tried_at, row.last_due_at) == (
        {"code": "storage_failed", "detail": "It is away."},
        three,
        None,
    )
    assert b'vectorstore_backup_start_failed{policy="p"} 1.0' in recorded()
    away = False
    assert run_due(three + MINUTE, start) == 0
    assert run_due(three + RETRY, start) == 1
    row.refresh_from_db()
    assert (row.error, row.last_due_at) == (None, three)
    assert b'vectorstore_backup_start_failed{policy="p"} 0.0' in recorded()
    assert run_due(three + 2 * RETRY, start) == 0


def test_a_start_that_failed_delays_no_later_time() -> None:
    policy()

    def start(_: BackupPolicy) -> None:
        raise StorageFailed("It is away.")

    assert run_due(NOON + MINUTE, start) == 0
    assert run_due(NOON + 2 * MINUTE, Starts()) == 1


def test_each_third_set_is_drilled_though_fewer_are_kept() -> None:
    row = policy(retention={"last": 1}, drill_every=3)
    drilled = []
    for number in range(9):
        made = set_row("docs", end_at=NOON + number * MINUTE, policy=row)
        job = submit(Scope(), "backup", {"backup": made.set_id, "policy": row.pk})
        Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
        apply_retention(row, NOON + number * MINUTE)
        drilled.append(start_drills())
        assert start_drills() == 0
    assert drilled == [0, 0, 1, 0, 0, 1, 0, 0, 1]


def test_two_schedulers_at_once_start_it_once() -> None:
    for number in range(5):
        policy(name=f"p{number}")
    starts, barrier, counted = Starts(), threading.Barrier(2), list[int]()

    def schedule() -> None:
        try:
            barrier.wait()
            counted.append(run_due(NOON + MINUTE, starts))
        finally:
            connection.close()

    threads = [threading.Thread(target=schedule) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counted) == 5
    assert sorted(starts.names) == [f"p{number}" for number in range(5)]


@pytest.fixture
def schedulers(tmp_path: Path) -> Iterator[Callable[[datetime], list[int]]]:
    """Two in processes of their own that begin at once; how many backups each has started."""
    with ExitStack() as started:

        def run(moment: datetime) -> list[int]:
            command = [sys.executable, "-m", "tests.support.scheduling_worker", str(connection.settings_dict["NAME"])]
            processes = []
            for _ in range(2):
                process = subprocess.Popen(
                    [*command, moment.isoformat(), str(tmp_path / "started")],
                    cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )  # fmt: skip
                started.enter_context(process)
                started.callback(process.kill)
                processes.append(process)
            for process in processes:
                assert process.stdout is not None
                while process.stdout.readline().strip() != "ready":
                    assert process.poll() is None
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            return [int(process.communicate(timeout=60)[0].split()[-1]) for process in processes]

        yield run


def test_two_schedulers_in_two_processes_start_it_once(
    schedulers: Callable[[datetime], list[int]], tmp_path: Path
) -> None:
    names = [f"p{number}" for number in range(10)]
    for name in names:
        policy(name=name)
    assert sum(schedulers(NOON + MINUTE)) == 10
    assert sorted((tmp_path / "started").read_text().split()) == sorted(names)


def test_a_backup_that_is_under_way_keeps_the_next_from_starting() -> None:
    row = policy()
    starts = Starts()
    job = submit(Scope(), "backup", {})
    running = set_row("docs", state="running", policy=row, job=job)
    for state in (JobState.QUEUED, JobState.RUNNING):
        Job.objects.update(state=state)
        assert run_due(NOON + 3 * MINUTE, starts) == 0
    Job.objects.update(state=JobState.FAILED, error={"code": "job_quarantined", "detail": "It died."})
    assert run_due(NOON + 5 * MINUTE, starts) == 1
    running.refresh_from_db()
    assert (running.state, running.error) == ("failed", {"code": "job_quarantined", "detail": "It died."})


def test_the_times_are_those_of_the_time_zone() -> None:
    row = policy(schedule="30 2 * * *", timezone="Europe/Berlin")
    before = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
    runs = [run.astimezone(UTC) for run in next_runs(row, before)]
    assert runs[0] == datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    assert runs[2] == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
    assert len(runs) == 5
    assert runs == sorted(set(runs))


def test_a_policy_backs_up_what_it_names(lite: RunningEngine, store_folder: Path) -> None:
    with collections(2, prefix="sched_") as names:
        row = policy(collections=["sched_*"], kind="incremental")
        for minute in (1, 2):
            assert run_due(NOON + minute * MINUTE) == 1
            assert carried_out(Job.objects.latest("pk")).state == "succeeded"
        later, first = Backup.objects.filter(policy=row)
        assert ({item["name"] for item in first.collections}, first.kind, first.actor) == (set(names), "full", "system")
        assert (later.kind, later.parent, later.note) == ("incremental", first, "policy p")


def test_retention_is_tried_first_and_then_kept(store_folder: Path) -> None:
    row = policy(retention={"last": 2})
    sets = [set_row("docs", end_at=NOON + hour * timedelta(hours=1), policy=row) for hour in range(4)]
    others = [set_row("docs", end_at=NOON), set_row("docs", end_at=NOON, state="failed", policy=row)]
    plan = plan_of(row, NOON + timedelta(days=1))
    assert set(plan.keep) == {sets[2].set_id, sets[3].set_id}
    assert set(plan.delete) == {sets[0].set_id, sets[1].set_id}
    assert Backup.objects.count() == 6
    assert set(apply_retention(row, NOON + timedelta(days=1))) == set(plan.delete)
    assert set(Backup.objects.values_list("pk", flat=True)) == {item.pk for item in (*sets[2:], *others)}
    assert AuditRecord.objects.filter(action="backup.delete", phase="outcome", outcome="ok").count() == 2


def test_what_cannot_be_deleted_now_stays_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    row = policy(retention={"last": 1})
    old, new = (set_row("docs", end_at=NOON + hour * timedelta(hours=1), policy=row) for hour in range(2))
    child = set_row("docs", end_at=NOON + timedelta(hours=2), parent=old, kind="incremental")  # made by hand
    assert apply_retention(row, NOON + timedelta(days=1)) == []
    assert "stays for now" in caplog.text
    BackupService().delete(child.set_id)
    assert apply_retention(row, NOON + timedelta(days=1)) == [old.set_id]
    assert Backup.objects.get() == new


def test_a_set_that_failed_keeps_none_that_it_was_to_be_built_on() -> None:
    row = policy(retention={"last": 1})
    old, new = (set_row("docs", end_at=NOON + hour * timedelta(hours=1), policy=row) for hour in range(2))
    failed = set_row("docs", state="failed", parent=old, kind="incremental", policy=row)
    assert apply_retention(row, NOON + timedelta(days=1)) == [old.set_id]
    assert set(Backup.objects.all()) == {new, failed}


@pytest.mark.parametrize(
    "retention",
    [
        pytest.param({"last": 1}, id="last", marks=pytest.mark.slow),
        pytest.param({"weekly": 1}, id="weekly", marks=pytest.mark.slow),
        pytest.param({"last": 2, "daily": 7, "weekly": 4, "monthly": 12}, id="all"),
    ],
)
def test_a_year_of_backups_never_loses_the_last_verified_set(retention: dict[str, int]) -> None:
    """One a day, of which some cannot be verified, or fail; a whole month in which none can. Full ones on Sundays, the
    others built on the newest; each seventh is drilled, and the journal before the oldest is pruned."""
    chance = random.Random(20260302)
    row = policy(schedule="0 3 * * *", timezone="Europe/Berlin", retention=retention, kind="incremental", drill_every=7)
    clock, journal = NOON, Journal()

    def start(due: BackupPolicy) -> None:
        bad_month = clock.month == 8
        state = chance.choice(("succeeded", "failed") if bad_month else ("verified", "verified", "succeeded", "failed"))
        parent = None if clock.weekday() == 6 else Backup.objects.filter(state="verified").order_by("-end_at").first()
        made = {"kind": "incremental" if parent else "full", "parent": parent}
        seqs = {"start_seq": journal.seq - 1, "end_seq": journal.seq}
        added = set_row("docs", end_at=clock, policy=due, state=state, **seqs, **made)
        job = submit(Scope(), "backup", {"backup": added.set_id, "policy": due.pk})
        Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED if state == "verified" else JobState.FAILED)
        verified.append(state == "verified")

    verified = list[bool]()
    started = deleted = drills = 0
    for day in range(365):
        clock = NOON + timedelta(days=day, hours=chance.randrange(12))
        journal.write(clock)
        started += run_due(clock, start)
        drills += start_drills()
        Job.objects.filter(kind="drill").update(state=JobState.SUCCEEDED)
        newest = Backup.objects.filter(state="verified").order_by("-end_at").first()
        if day % 3 == 0:
            deleted += len(apply_retention(row, clock))
            journal.prune(clock)
        if newest is not None:
            assert Backup.objects.filter(pk=newest.pk).exists(), clock
        assert not Backup.objects.filter(kind="incremental", parent=None).exclude(state="failed").exists(), clock
    assert started in (364, 365)
    deleted += len(apply_retention(row, clock))
    assert deleted > 200
    assert Backup.objects.filter(state="verified").count() >= 1
    assert abs(drills - sum(verified) // 7) <= 1
    drilled = Job.objects.filter(kind="drill").values_list("params__backup", flat=True)
    assert len(set(drilled)) == drills
    if "monthly" in retention:
        ends = Backup.objects.filter(state="verified").values_list("end_at", flat=True)
        assert len({(at.year, at.month) for at in ends if at is not None}) >= 10


class Journal:
    """The index of a journal: one segment of three entries a day."""

    def __init__(self) -> None:
        self.seq = 0

    def write(self, at: datetime) -> None:
        first, self.seq = self.seq + 1, self.seq + 3
        segment = JournalSegment.objects.create(
            name=f"000001/{first:020d}-w-000000.seg", writer="w", first_seq=first, last_seq=self.seq,
            sealed_at=at, shipped_at=at,
        )  # fmt: skip
        JournalEntry.objects.bulk_create(
            JournalEntry(seq=seq, at=at, uid="uid-docs", op="PUT", segment=segment, offset=0, state="committed")
            for seq in range(first, self.seq + 1)
        )
        JournalHead.objects.update_or_create(pk=1, defaults={"seq": self.seq, "at": at})

    def prune(self, now: datetime) -> None:
        """All that a set needs stays, and nothing before."""
        with backup_place() as place:
            upkeep.prune_journal(place, now)
        sets = Backup.objects.filter(state__in=("succeeded", "verified"))
        needed = min((made.start_seq + 1 for made in sets if made.start_seq is not None), default=1)
        left = list(JournalEntry.objects.values_list("seq", flat=True))
        assert left == list(range(left[0], self.seq + 1)), now
        assert needed - 3 < left[0] <= needed, now
