"""Backups are made, listed, pinned, verified and deleted, for whoever may."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from tests.backup.conftest import on_s3
from tests.support.access import give
from tests.support.backups import carried_out, collections, held, set_row, store_at
from tests.support.engines import RunningEngine
from tests.support.s3 import REGION, Store
from vectorstore.access.actor import Actor
from vectorstore.backup.backup_service import BackupService, end_abandoned
from vectorstore.config.settings import BASE_DIR, current
from vectorstore.domain.backup_requests import BackupChanges, BackupRequest
from vectorstore.domain.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    StorageFailed,
    VectorStoreError,
)
from vectorstore.journal.writer import writer
from vectorstore.models import AuditRecord, Backup, Job
from vectorstore.service import VectorService
from vectorstore.service.context import Scope
from vectorstore.service.job_service import JobService


@pytest.fixture
def store_folder(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Path:
    return store_at(bound, tmp_path / "backups")


@pytest.fixture
def two(store_folder: Path) -> Iterator[list[str]]:
    with collections(2) as made:
        yield made


@pytest.fixture
def ann(transactional_db: None) -> User:
    return User.objects.create_user("ann")


def as_(user: User) -> BackupService:
    return BackupService(Scope(actor=Actor.of(user)))


def back_up(*names: str, **more: Any) -> Backup:
    job = carried_out(BackupService().create(BackupRequest(collections=list(names), **more)))
    assert job.state == "succeeded", job.error
    return Backup.objects.get(set_id=job.result["backup"])  # type: ignore[index]


def test_a_backup_is_made_by_its_job_and_verified(two: list[str]) -> None:
    job = BackupService().create(BackupRequest(collections=two, note="before the move"))
    (row,) = BackupService().backups()
    assert (row.state, row.job, [item["name"] for item in row.collections]) == ("running", job, two)
    assert carried_out(job).result == {"backup": row.set_id, "rows": 4, "size_bytes": Backup.objects.get().size_bytes}
    row.refresh_from_db()
    assert (row.state, row.rows, row.note, row.actor) == ("verified", 4, "before the move", "system")
    assert row.verified_at is not None


def test_a_pattern_takes_what_matches_and_the_caller_may_back_up(two: list[str], ann: User) -> None:
    give(ann, "collection_admin", two[0])
    give(ann, "viewer")
    as_(ann).create(BackupRequest(collections="b_*"))
    assert [item["name"] for item in Backup.objects.get().collections] == [two[0]]
    with pytest.raises(NotFound, match="No collection that you may back up matches"):
        as_(ann).create(BackupRequest(collections=["nothing_*"]))


@pytest.mark.parametrize("wrong", [[], "", ["docs", ""], ["docs[ab]"]])
def test_what_names_no_collections_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        BackupService().create(BackupRequest(collections=wrong))
    assert refused.value.errors[0].pointer == "/collections"


def test_an_increment_is_built_on_the_newest_verified_set_of_the_same_collections(two: list[str]) -> None:
    first = back_up(*two)
    back_up(two[1])
    increment = back_up(two[0], kind="incremental")
    assert (increment.kind, increment.parent) == ("incremental", first)
    with pytest.raises(Conflict, match=f"{increment.set_id} is built on"):
        BackupService().delete(first.set_id)


def test_an_increment_without_a_verified_set_is_a_full_backup(two: list[str]) -> None:
    assert (back_up(two[0], kind="incremental").kind, Backup.objects.get().parent) == ("full", None)


def test_who_may_not_see_one_of_the_collections_sees_no_set(two: list[str], ann: User) -> None:
    both, own = set_row(*two), set_row(two[0])
    give(ann, "collection_admin", two[0])
    service = as_(ann)
    assert list(service.backups()) == [own]
    for act in (service.describe, service.verify, service.delete, lambda it: service.update(it, BackupChanges())):
        with pytest.raises(NotFound) as hidden:
            act(both.set_id)
        with pytest.raises(NotFound) as absent:
            act("nowhere")
        assert hidden.value.detail == absent.value.detail.replace("nowhere", both.set_id)
    assert not Job.objects.exists()
    assert list(BackupService().backups(two[1])) == [both]


def test_a_right_on_the_first_collection_alone_verifies_and_deletes_nothing(two: list[str], ann: User) -> None:
    row = set_row(*two)
    give(ann, "collection_admin", two[0])
    give(ann, "viewer", two[1])
    with pytest.raises(NotFound):
        as_(ann).verify(row.set_id)
    with pytest.raises(NotFound):
        as_(ann).delete(row.set_id)
    assert Backup.objects.filter(pk=row.pk).exists()


def test_a_hidden_collection_is_backed_up_no_more_than_one_that_is_not_there(two: list[str], ann: User) -> None:
    for name in (two[0], "nowhere"):
        with pytest.raises(NotFound, match=f"There is no collection '{name}'"):
            as_(ann).create(BackupRequest(collections=[name]))
    give(ann, "viewer", two[0])
    with pytest.raises(PermissionDenied):
        as_(ann).create(BackupRequest(collections=[two[0]]))
    assert not Backup.objects.exists()


def test_a_right_that_was_lost_meanwhile_stops_the_job(two: list[str], ann: User, store_folder: Path) -> None:
    grant = give(ann, "collection_admin", two[0])
    job = as_(ann).create(BackupRequest(collections=[two[0]]))
    grant.delete()
    assert carried_out(job).error["code"] == "permission_denied"  # type: ignore[index]
    assert not list(store_folder.rglob("manifest.json"))


def test_a_pinned_set_and_one_that_is_read_stay(two: list[str]) -> None:
    row = set_row(two[0])
    assert BackupService().update(row.set_id, BackupChanges(pinned=True, note="keep")).note == "keep"
    with pytest.raises(Conflict, match="pinned"):
        BackupService().delete(row.set_id)
    BackupService().update(row.set_id, BackupChanges(pinned=False))
    Backup.objects.update(lease_until=timezone.now() + timedelta(minutes=5))
    with pytest.raises(Conflict, match="restore is reading"):
        BackupService().delete(row.set_id)
    Backup.objects.update(lease_until=timezone.now() - timedelta(minutes=5))
    BackupService().delete(row.set_id)
    assert not Backup.objects.exists()


def test_a_set_that_is_being_made_is_neither_deleted_nor_verified(two: list[str]) -> None:
    BackupService().create(BackupRequest(collections=two))
    row = Backup.objects.get()
    for act, words in ((BackupService().delete, "cancel it first"), (BackupService().verify, "being made")):
        with pytest.raises(Conflict, match=words):
            act(row.set_id)


def test_deleting_takes_the_files_and_is_on_record(two: list[str], store_folder: Path) -> None:
    row = back_up(two[0])
    assert (store_folder / "sets" / row.set_id / "manifest.json").is_file()
    BackupService().delete(row.set_id)
    assert not list((store_folder / "sets").rglob("*"))
    assert AuditRecord.objects.filter(action="backup.delete", phase="outcome", outcome="ok").count() == 1


def test_verifying_names_the_file_that_is_wrong(two: list[str], store_folder: Path) -> None:
    row = back_up(two[0])
    intact = carried_out(BackupService().verify(row.set_id))
    assert intact.result == {"backup": row.set_id, "intact": True, "problems": []}
    part = next((store_folder / "sets").rglob("part-*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    job = carried_out(BackupService().verify(row.set_id))
    assert (job.state, job.result["intact"]) == ("succeeded", False)  # type: ignore[index]
    assert job.result["problems"][0]["path"] == part.relative_to(store_folder).as_posix()  # type: ignore[index]
    row.refresh_from_db()
    assert row.state == "failed"


def test_a_job_that_is_cancelled_before_it_ran_leaves_no_set_under_way(two: list[str]) -> None:
    job = BackupService().create(BackupRequest(collections=two))
    JobService().cancel(job.pk)
    assert end_abandoned() == 1
    row = Backup.objects.get()
    assert (row.state, row.error["code"]) == ("failed", "cancelled")  # type: ignore[index]
    assert carried_out(JobService().retry(job.pk)).state == "succeeded"
    row.refresh_from_db()
    assert (row.state, row.error) == ("verified", None)


def test_a_backup_that_fails_says_why_and_is_made_when_it_is_tried_again(
    two: list[str], bound: pytest.MonkeyPatch, store_folder: Path
) -> None:
    job = BackupService().create(BackupRequest(collections=[two[0]]))
    store_at(bound, store_folder.parent / "elsewhere")
    (store_folder.parent / "elsewhere").write_text("a file, no folder")
    assert carried_out(job).state == "failed"
    row = Backup.objects.get()
    assert (row.state, row.error) == ("failed", job.error)
    assert "VECTORSTORE_BACKUP_URL" in row.error["detail"]  # type: ignore[index]
    store_at(bound, store_folder)
    assert carried_out(JobService().retry(job.pk)).state == "succeeded"
    row.refresh_from_db()
    assert (row.state, row.error) == ("verified", None)


def _refused(two: list[str]) -> VectorStoreError:
    with pytest.raises(VectorStoreError) as refused:
        BackupService().create(BackupRequest(collections=two))
    assert not Backup.objects.exists()
    assert not Job.objects.exists()
    return refused.value


def test_a_wrong_bucket_is_told_and_nothing_is_started(two: list[str], store: Store, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_BACKUP_URL", store.url("no-such-bucket"))
    bound.setenv("VECTORSTORE_BACKUP_ACCESS_KEY", store.access_key)
    bound.setenv("VECTORSTORE_BACKUP_SECRET_KEY", store.secret_key)
    current.cache_clear()
    refused = _refused(two)
    assert isinstance(refused, StorageFailed)
    assert "The bucket that VECTORSTORE_BACKUP_URL names does not exist" in refused.detail
    assert store.secret_key not in refused.detail


def test_backups_go_to_a_bucket_and_come_back_from_it(two: list[str], store: Store, bound: pytest.MonkeyPatch) -> None:
    bucket = store.make_bucket("backups-of-the-service")
    bound.setenv("VECTORSTORE_BACKUP_URL", f"s3://{bucket}/all?endpoint_url={store.endpoint}&region={REGION}")
    bound.setenv("VECTORSTORE_BACKUP_ACCESS_KEY", store.access_key)
    bound.setenv("VECTORSTORE_BACKUP_SECRET_KEY", store.secret_key)
    current.cache_clear()
    row = back_up(two[0])
    storage = on_s3(store, bucket, "all")
    try:
        assert storage.exists(f"sets/{row.set_id}/manifest.json")
    finally:
        storage.close()
    assert carried_out(BackupService().verify(row.set_id)).result["intact"] is True  # type: ignore[index]


def _mounted(folder: Path, then: str) -> list[str]:
    """What to put before a command to run it where ``folder`` is a file system of 64 KiB of its own."""
    mount = f'mount -t tmpfs -o size=64k none "{folder}" && {then} exec "$@"'
    user = [] if os.getuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--mount", *user, "sh", "-c", mount, "sh"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")
    return command


@pytest.mark.parametrize(
    ("then", "code", "words"),
    [
        ("", "storage_full", "There is no room for"),
        ("mount -o remount,ro {folder} &&", "storage_failed", "Not allowed"),
    ],
    ids=["full", "read-only"],
)
def test_a_storage_that_is_full_or_read_only_is_told_and_leaves_no_set(
    two: list[str], store_folder: Path, then: str, code: str, words: str
) -> None:
    vectors = np.random.default_rng(1).random((4_000, 4))
    VectorService().insert(two[0], [{"id": secrets.token_hex(16), "vector": list(vector)} for vector in vectors])
    job = BackupService().create(BackupRequest(collections=[two[0]]))
    before = held(two[0])
    writer().flush()  # as a process that serves does all the time
    database = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-m", "tests.support.job_worker", database, "run", str(job.pk)]
    mounted = _mounted(store_folder, then.format(folder=store_folder))
    done = subprocess.run([*mounted, *command], cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert done.stdout.split()[-1:] == ["failed"], done.stderr
    row = Backup.objects.get()
    assert (row.state, row.error["code"]) == ("failed", code)  # type: ignore[index]
    assert words in row.error["detail"]  # type: ignore[index]
    assert "VECTORSTORE_BACKUP_URL" in row.error["detail"]  # type: ignore[index]
    assert held(two[0]) == before
    assert not list(store_folder.rglob("manifest.json"))
    assert carried_out(JobService().retry(job.pk)).state == "succeeded"  # there is room again
    row.refresh_from_db()
    assert (row.state, row.rows) == ("verified", 4_002)


def test_a_place_that_holds_other_things_is_not_used(two: list[str], store_folder: Path) -> None:
    store_folder.mkdir()
    (store_folder / "letters.txt").write_text("dear Ada")
    assert "not empty" in _refused(two).detail
    assert [path.name for path in store_folder.iterdir()] == ["letters.txt"]


def test_a_set_of_another_database_is_not_there(two: list[str]) -> None:
    row = set_row(two[0], database="elsewhere")
    assert not BackupService().backups().exists()
    with pytest.raises(NotFound):
        BackupService().describe(row.set_id)
    assert BackupService(Scope(database="elsewhere")).describe(row.set_id).row == row
