"""Restores to a moment, into a name; where either is wrong, nothing has changed."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.support.access import give
from tests.support.backups import carried_out, collections, held, rows, set_row, store_at
from tests.support.engines import RunningEngine
from vectorstore.access.actor import Actor
from vectorstore.backup.backup_service import BackupService
from vectorstore.backup.restore_service import RestoreService
from vectorstore.config.settings import current
from vectorstore.domain.backup_requests import BackupRequest, RestorePointRequest, RestoreRequest
from vectorstore.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    VectorStoreError,
)
from vectorstore.domain.requests import DeleteRequest
from vectorstore.journal import writer as journal
from vectorstore.journal.sequence import position
from vectorstore.models import Backup, CollectionRecord, Drift, Job, JournalEntry, RestorePoint
from vectorstore.monitoring import request_id
from vectorstore.service import AliasService, CollectionService, VectorService
from vectorstore.service.catalogue import forget
from vectorstore.service.context import Scope

FIRST, SECOND = "the first key of more than 32 characters", "the second key of more than 32 characters"


@pytest.fixture
def store_folder(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Path:
    return store_at(bound, tmp_path / "backups")


@pytest.fixture
def name(store_folder: Path) -> Iterator[str]:
    """With the rows a and b."""
    with collections() as made:
        yield made[0]


def start(name: str | None = None, scope: Scope | None = None, **more: Any) -> Job:
    values = {"collection": name, "target_name": f"{name}_back" if name else None, **more}
    return RestoreService(scope).start(RestoreRequest(**values))


def restored(name: str, **more: Any) -> dict[str, Any]:
    """The rows of what was restored."""
    target = more.setdefault("target_name", f"{name}_{secrets.token_hex(3)}")
    job = carried_out(start(name, **more))
    assert job.state == "succeeded", job.error
    assert (job.result["collection"], job.collection) == (target, target)  # type: ignore[index]
    return held(target)


def back_up(name: str) -> Backup:
    job = carried_out(BackupService().create(BackupRequest(collections=[name])))
    assert job.state == "succeeded", job.error
    return Backup.objects.get(set_id=job.result["backup"])  # type: ignore[index]


def refused(kind: type[VectorStoreError], name: str, words: str, **more: Any) -> VectorStoreError:
    """Refused as ``kind`` before anything has changed."""
    names, jobs = CollectionService().names(), Job.objects.count()
    with pytest.raises(kind, match=words) as found:
        start(name, **more)
    assert (CollectionService().names(), Job.objects.count()) == (names, jobs)
    return found.value


def test_every_kind_of_moment_is_restored(name: str) -> None:
    wanted = held(name)
    backup = back_up(name)
    RestoreService().mark(RestorePointRequest(collection=name, name="before it went wrong"))
    seq, at = position()[:2]
    token = request_id.current.set("the-delete")
    VectorService().delete(name, DeleteRequest(ids=["a"]))
    request_id.current.reset(token)
    for moment in (
        {"backup": backup.set_id},
        {"point_in_time": at},
        {"sequence": seq},
        {"restore_point": "before it went wrong"},
        {"before": "the-delete"},
    ):
        assert restored(name, **moment) == wanted, moment
    assert restored(name, latest=True) == held(name)
    assert held(name).keys() == {"b"}


def test_a_set_of_one_collection_needs_no_name_and_one_of_several_does(name: str) -> None:
    backup = back_up(name)
    job = start(backup=backup.set_id, target_name=f"{name}_back")
    assert carried_out(job).result["rows"] == 2  # type: ignore[index]
    several = set_row(name, "other")
    with pytest.raises(InvalidRequest, match="other; name one of them"):
        start(backup=several.set_id)
    with pytest.raises(NotFound, match="does not hold a collection 'third'"):
        start("third", backup=backup.set_id)


@pytest.mark.parametrize("moments", [{}, {"latest": True, "sequence": 1}, {"backup": ""}, {"sequence": 0}])
def test_exactly_one_moment_is_given(moments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="give exactly one of backup, point_in_time"):
        start("docs", **moments)


@pytest.mark.parametrize(
    "moment",
    [datetime(2026, 1, 2), datetime.fromisoformat("0001-01-01T00:00:00+14:00")],
)
def test_a_time_without_an_offset_is_refused(moment: datetime) -> None:
    with pytest.raises(InvalidRequest) as found:
        start("docs", point_in_time=moment)
    assert found.value.errors[0].pointer == "/point_in_time"


def test_a_moment_outside_of_the_window_is_refused_with_the_window(name: str) -> None:
    window = RestoreService().window(name)
    assert window.earliest is not None
    assert window.latest is not None
    early, late = window.earliest - timedelta(seconds=1), window.latest + timedelta(hours=1)
    refused(
        Conflict,
        name,
        f"what is covered begins at {window.earliest.isoformat()}".replace("+", "."),
        point_in_time=early,
    )
    refused(Conflict, name, "is in the future; the window ends at", point_in_time=late)
    refused(Conflict, name, "The journal goes from 1 to", sequence=position()[0] + 1)
    refused(NotFound, name, "no restore point 'never'", restore_point="never")
    refused(NotFound, name, "no write of the request 'never'", before="never")
    refused(NotFound, name, "There is no backup 'never'", backup="never")


def test_a_target_that_is_taken_is_refused_and_one_to_replace_must_be_there(name: str) -> None:
    AliasService().create(f"{name}_alias", name)
    try:
        for taken in (name, f"{name}_alias"):
            refused(AlreadyExists, name, f"The name '{taken}' is taken", latest=True, target_name=taken)
        refused(AlreadyExists, name, f"The name '{name}' is taken", latest=True, target_name=None)
        alias = {"latest": True, "target_name": f"{name}_alias"}
        for mode in ("replace", "data"):
            refused(Conflict, name, f"is an alias; name the collection, '{name}'", mode=mode, **alias)
        refused(NotFound, name, "to replace; use mode new", latest=True, target_name="nowhere", mode="replace")
        refused(InvalidRequest, name, "is no valid name", latest=True, target_name="no name")
    finally:
        AliasService().drop(f"{name}_alias")


def test_a_target_that_is_taken_meanwhile_keeps_its_rows(name: str) -> None:
    job = start(name, latest=True)
    CollectionService().rename(name, f"{name}_back")
    failed = carried_out(job)
    assert (failed.state, failed.error["code"]) == ("failed", "already_exists")  # type: ignore[index]
    assert held(f"{name}_back").keys() == {"a", "b"}
    assert CollectionService().names(name) == [f"{name}_back"]


def test_a_replacement_takes_the_name_and_the_old_collection_stays_under_another(name: str) -> None:
    wanted, seq = held(name), position()[0]
    VectorService().upsert(name, rows("a", "c", value=9.0))
    job = carried_out(start(name, sequence=seq, target_name=None, mode="replace"))
    assert job.state == "succeeded", job.error
    assert held(name) == wanted
    (kept,) = [found for found in CollectionService().names(name) if "__replaced_" in found]
    assert held(kept).keys() == {"a", "b", "c"}


def test_a_dry_run_says_what_would_be_read_and_makes_nothing(name: str) -> None:
    backup = back_up(name)
    VectorService().upsert(name, rows("c"))
    names = CollectionService().names()
    told = carried_out(start(name, latest=True, dry_run=True)).result
    assert told is not None
    assert (told["dry_run"], told["backup"], told["rows"], told["journal_entries"]) == (True, backup.set_id, 3, 1)
    assert CollectionService().names() == names


def _files(store_folder: Path, backup: Backup) -> list[Path]:
    return sorted(path for path in (store_folder / "sets" / backup.set_id).rglob("*") if path.is_file())


def test_one_flipped_bit_in_any_file_of_a_set_is_refused_before_a_row_is_written(name: str, store_folder: Path) -> None:
    backup = back_up(name)
    names = CollectionService().names()
    files = _files(store_folder, backup)
    assert {path.suffix for path in files} == {".json", ".sha256", ".parquet"}
    for path in files:
        intact = path.read_bytes()
        content = bytearray(intact)
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
        try:
            failed = carried_out(start(name, backup=backup.set_id))
            assert (failed.state, failed.error["code"]) == ("failed", "backup_damaged"), path  # type: ignore[index]
            assert path.relative_to(store_folder).as_posix() in failed.error["detail"]  # type: ignore[index]
        finally:
            path.write_bytes(intact)
        assert CollectionService().names() == names, path
    assert restored(name, backup=backup.set_id).keys() == {"a", "b"}


def test_a_wrong_key_is_told_by_its_id_and_nothing_is_made(name: str, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_BACKUP_KEYS", FIRST)
    current.cache_clear()
    backup = back_up(name)
    names = CollectionService().names()
    for keys in (SECOND, ""):
        bound.setenv("VECTORSTORE_BACKUP_KEYS", keys)
        current.cache_clear()
        failed = carried_out(start(name, backup=backup.set_id))
        assert failed.error["code"] == "backup_key_missing"  # type: ignore[index]
        assert "VECTORSTORE_BACKUP_KEYS" in failed.error["detail"]  # type: ignore[index]
        assert CollectionService().names() == names
    bound.setenv("VECTORSTORE_BACKUP_KEYS", f"{SECOND},{FIRST}")
    current.cache_clear()
    assert restored(name, backup=backup.set_id).keys() == {"a", "b"}


def test_a_set_that_is_not_whole_is_not_restored(name: str) -> None:
    for state in ("running", "failed", "deleting"):
        row = set_row(name, state=state)
        refused(Conflict, name, f"is {state} and cannot be restored", backup=row.set_id)


def test_rights_on_the_source_and_on_the_target_are_asked(name: str, transactional_db: None) -> None:
    ann = User.objects.create_user("ann")
    scope = Scope(actor=Actor.of(ann))
    with pytest.raises(PermissionDenied):
        start(name, scope, latest=True)
    give(ann, "collection_admin", name)
    backup = set_row(name, "other")
    for moment in ({"latest": True}, {"latest": True, "mode": "replace", "target_name": "other"}):
        with pytest.raises(PermissionDenied):
            start(name, scope, **moment)
    with pytest.raises(NotFound):
        start(name, scope, backup=backup.set_id, mode="replace", target_name=name)
    assert not Job.objects.exists()
    give(ann, "collection_admin", f"{name}_*")
    assert carried_out(start(name, scope, latest=True)).state == "succeeded"


def test_the_window_begins_where_the_journal_does_and_names_what_is_not_known(name: str) -> None:
    window = RestoreService().window(name)
    first = JournalEntry.objects.order_by("seq").first()
    assert first is not None
    assert (window.earliest, window.gaps, window.point_in_time) == (first.at, [], True)
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    Drift.objects.create(uid=first.uid, collection=name, since=since, resolved_at=until, resolution="adopted")
    assert RestoreService().window(name).gaps == [(since, until)]
    with pytest.raises(NotFound):
        RestoreService().window("nowhere")


def test_a_moment_is_named_once_and_listed_to_those_who_may_see_it(name: str) -> None:
    point = RestoreService().mark(RestorePointRequest(collection=name, name="now"))
    assert JournalEntry.objects.get(seq=point.seq).op == "MARK"
    with pytest.raises(AlreadyExists, match="'now' already"):
        RestoreService().mark(RestorePointRequest(collection=name, name="now"))
    with pytest.raises(InvalidRequest):
        RestoreService().mark(RestorePointRequest(collection=name, name=""))
    assert list(RestoreService().points(name)) == list(RestoreService().points()) == [point]
    stranger = RestoreService(Scope(actor=Actor.of(User.objects.create_user("ann"))))
    assert not stranger.points().exists()
    with pytest.raises(NotFound):
        stranger.points(name)


def test_a_moment_that_the_journal_does_not_take_has_no_name(
    name: str, tmp_path: Path, bound: pytest.MonkeyPatch
) -> None:
    journal.discard()
    (tmp_path / "no_folder").write_text("")
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path / "no_folder"))
    current.cache_clear()
    with pytest.raises(VectorStoreError):
        RestoreService().mark(RestorePointRequest(collection=name, name="now"))
    assert not RestorePoint.objects.exists()
    bound.delenv("VECTORSTORE_DATA_DIR")
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path / "other"))
    current.cache_clear()
    journal.discard()


def test_a_moment_in_which_others_wrote_has_to_be_acknowledged(name: str) -> None:
    VectorService().insert(name, rows("c"))
    at = JournalEntry.objects.order_by("-seq").values_list("at", flat=True)[0]
    drift = Drift.objects.create(uid=_uid(name), collection=name, since=at - timedelta(seconds=1))
    refused(Conflict, name, "acknowledge_drift", latest=True)
    assert restored(name, latest=True, acknowledge_drift=True).keys() == held(name).keys()
    Drift.objects.filter(pk=drift.pk).update(resolved_at=timezone.now(), resolution="reverted")
    assert restored(name, latest=True).keys() == held(name).keys()


def test_the_id_of_a_request_to_another_collection_is_no_moment_of_this_one(name: str) -> None:
    with collections() as others:
        token = request_id.current.set("elsewhere")
        try:
            VectorService().insert(others[0], rows("z"))
        finally:
            request_id.current.reset(token)
        refused(NotFound, name, "no write of the request 'elsewhere' to", before="elsewhere")


def _uid(name: str) -> str:
    return CollectionRecord.objects.get(name=name).uid


def test_a_set_of_a_collection_without_a_journal_is_restored(name: str) -> None:
    CollectionRecord.objects.filter(name=name).update(point_in_time=False)
    forget(Scope())
    backup = back_up(name)
    assert (backup.consistency, backup.end_seq) == ("fuzzy", None)
    wanted = held(name)
    VectorService().upsert(name, rows("c"))
    assert restored(name, backup=backup.set_id) == wanted
