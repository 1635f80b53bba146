"""``manage.py backup``."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection

from tests.support.backups import collections, held, rows, set_row, store_at
from tests.support.engines import RunningEngine
from vectorstore.backup.restore_service import RestoreService
from vectorstore.config.settings import BASE_DIR, current
from vectorstore.domain.backup_requests import RestorePointRequest
from vectorstore.domain.requests import DeleteRequest
from vectorstore.journal.sequence import position
from vectorstore.models import Backup, BackupPolicy, CollectionRecord, Drift, Job, JobState
from vectorstore.monitoring import request_id
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.job_queue import producer

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def store_folder(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Path:
    return store_at(bound, tmp_path / "backups")


@pytest.fixture
def name() -> Iterator[str]:
    """With the rows a and b."""
    with collections(prefix="cmd_") as made:
        yield made[0]


def backup(*arguments: object) -> str:
    out = StringIO()
    call_command("backup", *map(str, arguments), stdout=out)
    return out.getvalue()


def made(name: str) -> str:
    return next(
        line.removeprefix("backup: ")
        for line in backup("create", "--collections", name, "--wait").splitlines()
        if line.startswith("backup: ")
    )


def test_a_backup_is_made_here_where_no_worker_is(name: str) -> None:
    told = backup("create", "--collections", "cmd_*", "--note", "by hand")
    row = Backup.objects.get()
    assert (row.state, row.note, row.actor) == ("verified", "by hand", "system")
    assert f"backup: {row.set_id}" in told.splitlines()
    assert f"Job {row.job_id} is succeeded" in told


def test_an_increment_is_made_of_several_names(name: str) -> None:
    with collections(prefix="more_") as more:
        backup("create", "--collections", f"{name}, {more[0]}", "--wait")
        backup("create", "--collections", f"{name},{more[0]}", "--kind", "incremental", "--wait")
        later, first = Backup.objects.all()
    assert (later.parent, len(later.collections)) == (first, 2)


def test_backups_are_listed_newest_first(name: str) -> None:
    assert backup("list") == "There are no such backups.\n"
    first, second = set_row("docs", pinned=True), set_row("docs", "other")
    lines = backup("list").splitlines()
    assert [line.split()[0] for line in lines] == [second.set_id, first.set_id]
    assert lines[0].endswith("docs, other")
    assert lines[1].endswith("docs pinned")
    assert [line.split()[0] for line in backup("list", "--collection", "other").splitlines()] == [second.set_id]
    assert backup("--database", "elsewhere", "list") == "There are no such backups.\n"


def test_an_intact_backup_is_verified_and_the_damaged_file_of_another_named(name: str, store_folder: Path) -> None:
    set_id = made(name)
    assert "intact: True" in backup("verify", set_id, "--wait").splitlines()
    part = next((store_folder / "sets" / set_id).rglob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    out = StringIO()
    with pytest.raises(CommandError, match=f"The backup {set_id} is damaged"):
        call_command("backup", "verify", set_id, "--wait", stdout=out)
    assert part.relative_to(store_folder).as_posix() in out.getvalue()


def test_every_moment_is_restored(name: str) -> None:
    set_id, (seq, at, _) = made(name), position()
    wanted = held(name)
    VectorService().delete(name, DeleteRequest(ids=["a"]))
    for number, moment in enumerate((("--backup", set_id), ("--sequence", seq), ("--at", at.isoformat()))):
        target = f"{name}_{number}"
        told = backup("restore", *moment, "--collection", name, "--target", target, "--wait")
        assert f"collection: {target}" in told.splitlines()
        assert held(target) == wanted
    backup("restore", "--latest", "--collection", name, "--target", f"{name}_now")
    assert held(f"{name}_now") == held(name)


def test_the_command_asks_for_all_that_a_restore_can(name: str) -> None:
    RestoreService().mark(RestorePointRequest(collection=name, name="good"))
    wanted = held(name)
    token = request_id.current.set("the-delete")
    VectorService().delete(name, DeleteRequest(ids=["a"]))
    request_id.current.reset(token)
    for number, moment in enumerate((("--restore-point", "good"), ("--before", "the-delete"))):
        backup("restore", *moment, "--collection", name, "--target", f"{name}_{number}", "--wait")
        assert held(f"{name}_{number}") == wanted
    bare = ("--target", f"{name}_bare", "--target-cluster", "default", "--schema-only", "--without-indexes")
    backup("restore", "--latest", "--collection", name, *bare, "--wait")
    view = CollectionService().describe(f"{name}_bare")
    assert (view.row_count or 0, list(view.indexes)) == (0, [])
    Drift.objects.create(uid=CollectionRecord.objects.get(name=name).uid, collection=name, since=AT)
    part = ("--before", "the-delete", "--collection", name, "--mode", "data", "--filter", "id == 'a'")
    with pytest.raises(CommandError, match="acknowledge_drift"):
        backup("restore", *part, "--wait")
    told = backup("restore", *part, "--partitions", "_default", "--acknowledge-drift", "--wait")
    assert "rows: 1" in told.splitlines()
    assert held(name) == wanted


def test_several_collections_are_restored_together(name: str) -> None:
    with collections(prefix="cmd_") as (other,):
        seq = position()[0]
        for each in (name, other):
            VectorService().delete(each, DeleteRequest(ids=["a"]))
        backup("restore", "--sequence", seq, "--collections", f"{name}, {other}", "--mode", "replace", "--wait")
        assert held(name).keys() == held(other).keys() == {"a", "b"}


def test_a_restore_replaces_and_a_dry_run_only_tells(name: str) -> None:
    seq = position()[0]
    VectorService().upsert(name, rows("c"))
    told = backup(
        "restore", "--sequence", seq, "--collection", name, "--mode", "replace", "--dry-run", "--wait"
    ).splitlines()
    assert "dry_run: True" in told
    assert held(name).keys() == {"a", "b", "c"}
    backup("restore", "--sequence", seq, "--collection", name, "--mode", "replace", "--wait")
    assert held(name).keys() == {"a", "b"}


def test_what_cannot_be_done_is_an_error_and_changes_nothing(name: str, bound: pytest.MonkeyPatch) -> None:
    names = CollectionService().names()
    for arguments, words in (
        (("restore", "--latest", "--collection", name), "is taken"),
        (("restore", "--at", "2000-01-01T00:00:00Z", "--collection", name), "what is covered begins at"),
        (("restore", "--at", "yesterday", "--collection", name), "give a time with its offset"),
        (("restore", "--at", "2026-01-01T00:00:00", "--collection", name), "give a time with its offset"),
        (("restore", "--collection", name), "required"),
        (("restore", "--latest", "--sequence", 1, "--collection", name), "not allowed with"),
        (("create", "--collections", "nowhere"), "There is no collection 'nowhere'"),
        (("create", "--collections", " , "), "name collections"),
        (("verify", "nothing"), "There is no backup 'nothing'"),
        (("prune", "--policy", "nothing"), "There is no backup policy 'nothing'"),
    ):
        with pytest.raises(CommandError, match=words):
            backup(*arguments)
    bound.setenv("VECTORSTORE_BACKUP_URL", "s3://bucket/x?endpoint=wrong")
    current.cache_clear()
    with pytest.raises(CommandError, match="with no options but endpoint_url and region"):
        backup("create", "--collections", name)
    assert CollectionService().names() == names
    assert not Job.objects.exists()
    assert not Backup.objects.exists()


def test_a_job_that_fails_is_an_error_of_the_command(name: str, store_folder: Path) -> None:
    set_id = made(name)
    (store_folder / "sets" / set_id / "manifest.sha256").write_text("nonsense")
    with pytest.raises(CommandError, match=r"Job \d+ is failed: sets/.*manifest.json"):
        backup("restore", "--backup", set_id, "--target", f"{name}_back", "--wait")
    assert f"{name}_back" not in CollectionService().names()


def _policy(**columns: Any) -> BackupPolicy:
    values = {"name": "nightly", "collections": ["*"], "schedule": "0 3 * * *", "retention": {"last": 1}}
    return BackupPolicy.objects.create(**{**values, **columns})


def test_pruning_is_tried_first(name: str) -> None:
    row, other = _policy(), _policy(name="other")
    old, new, foreign = (
        set_row("docs", end_at=AT + timedelta(hours=hour), policy=item) for hour, item in enumerate((row, row, other))
    )
    told = backup("prune", "--dry-run").splitlines()
    assert told == [
        f"nightly: keeps {new.set_id} (newest verified, last)",
        f"nightly: would delete {old.set_id}",
        f"other: keeps {foreign.set_id} (newest verified, last)",
    ]
    assert Backup.objects.count() == 3
    assert backup("prune", "--policy", "other") == "There is nothing to delete.\n"
    assert backup("prune") == f"nightly: deleted {old.set_id}\n"
    assert set(Backup.objects.all()) == {new, foreign}


@pytest.fixture
def broker(redis_url: str, settings: Any) -> Iterator[str]:
    """Jobs are sent through a Redis without any messages."""
    settings.CELERY_BROKER_URL = redis_url
    producer.cache_clear()
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter("vectorstore:celery:*"):
            client.delete(key)
    yield redis_url
    producer.cache_clear()


@pytest.fixture
def worker(broker: str) -> Iterator[None]:
    """A Celery worker in a process of its own, on the database of this test."""
    command = [sys.executable, "-m", "tests.support.job_worker", str(connection.settings_dict["NAME"])]
    with subprocess.Popen(
        [*command, "worker", broker], cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            while "ready." not in (line := process.stdout.readline()):
                assert line, "the worker has ended"
            yield
        finally:
            process.terminate()
            process.communicate(timeout=60)


def test_with_a_worker_it_is_left_to_it_or_waited_for(name: str, worker: None) -> None:
    told = backup("create", "--collections", name)
    job = Job.objects.get()
    assert told == f"Job {job.pk} is with the workers: see manage.py jobs show {job.pk}.\n"
    told = backup("restore", "--latest", "--collection", name, "--target", f"{name}_back", "--wait")
    assert f"collection: {name}_back" in told.splitlines()
    assert held(f"{name}_back") == held(name)


def test_a_broker_without_workers_keeps_nobody_waiting(name: str, broker: str) -> None:
    backup("create", "--collections", name)
    assert Job.objects.get().state == JobState.SUCCEEDED
