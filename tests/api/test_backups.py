"""``backups/``, ``backup-policies/``, ``restores/``, ``restore-points/``, recovery windows and ``drift/``."""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse

from tests.api.client import Api, assert_problem
from tests.support.access import give
from tests.support.backups import carried_out, set_row, store_at
from tests.support.engines import RunningEngine
from vectorstore.access import api_keys
from vectorstore.access.actor import KeyScopes
from vectorstore.config.settings import current
from vectorstore.domain.rows import read_rows
from vectorstore.models import Backup, BackupPolicy, Drift, Job, JournalEntry
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope

ROWS = [{"id": key, "vector": [1, 0, 0, number]} for number, key in enumerate("abc")]


@pytest.fixture(autouse=True)
def store_folder(tmp_path: Path, transactional_db: None, bound: pytest.MonkeyPatch) -> Path:
    return store_at(bound, tmp_path / "backups")


@pytest.fixture
def filled(api: Api) -> Iterator[str]:
    """A collection with three rows; what is restored from it goes too."""
    name = f"api_{secrets.token_hex(6)}"
    assert api.post("collections/", {"name": name, "dimension": 4, "metric": "L2"}).status_code == 201
    assert api.post(f"collections/{name}/vectors/", {"vectors": ROWS}).status_code == 201
    yield name
    for item in api.get(f"collections/?search={name}").json()["results"]:
        api.delete(f"collections/{item['name']}/")


def done(api: Api, answer: HttpResponse) -> dict[str, Any]:
    """The job of a 202, after it has run."""
    assert answer.status_code == 202, answer.content
    job = answer.json()
    assert answer["Location"] == f"/api/v1/jobs/{job['id']}/"
    carried_out(Job.objects.get(pk=job["id"]))
    told: dict[str, Any] = api.get(answer["Location"]).json()
    return told


def back_up(api: Api, *names: str, **more: Any) -> str:
    job = done(api, api.post("backups/", {"collections": list(names), **more}))
    assert job["state"] == "succeeded", job
    return str(job["result"]["backup"])


def keys(api: Api, name: str) -> set[str]:
    found = api.post(f"collections/{name}/vectors/query/", {"filter": "id != ''", "consistency": "Strong"})
    return {row["id"] for row in found.json()["results"]}


def test_a_backup_is_made_described_and_restored(api: Api, filled: str, store_folder: Path) -> None:
    set_id = back_up(api, filled, note="first")
    body = api.get(f"backups/{set_id}/").json()
    told = {name: body[name] for name in ("set_id", "kind", "state", "rows", "note", "parent", "policy", "consistency")}
    assert told == {
        "set_id": set_id, "kind": "full", "state": "verified", "rows": 3, "note": "first", "parent": None,
        "policy": None, "consistency": "exact",
    }  # fmt: skip
    (held,) = body["collections"]
    assert (held["name"], held["rows"], held["size_bytes"]) == (filled, 3, body["size_bytes"])
    assert len(held["digest"]) == 32
    assert body["start_sequence"] <= body["end_sequence"]
    assert body["start_at"] <= body["end_at"]
    assert body["verified_at"] is not None
    assert (body["pinned"], body["error"]) == (False, None)
    manifest = body["manifest"]
    assert (manifest["format"], manifest["timeline"], manifest["encryption_key"]) == (2, 1, None)
    (of,) = manifest["collections"]
    assert (of["name"], of["rows"], of["digest"], of["doubt"]) == (filled, 3, held["digest"], "")
    assert sum(file["size_bytes"] for file in of["files"]) == body["size_bytes"]
    for file in of["files"]:
        assert hashlib.sha256((store_folder / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    text = (store_folder / "sets" / set_id / "manifest.json").read_bytes()
    assert (manifest["sha256"], body["problem"]) == (hashlib.sha256(text).hexdigest(), "")
    assert body["covered"]["earliest"] == body["end_at"] <= body["covered"]["latest"]
    assert body["covered"]["gaps"] == []
    api.post(f"collections/{filled}/vectors/delete/", {"ids": ["a"]})
    job = done(api, api.post("restores/", {"backup": set_id, "target_name": f"{filled}_back"}))
    assert job["result"] == {"collection": f"{filled}_back", "rows": 3, "warnings": [], "from": filled}
    assert keys(api, f"{filled}_back") == {"a", "b", "c"}
    assert keys(api, filled) == {"b", "c"}


def test_a_time_within_the_window_is_restored_and_one_outside_is_refused(lite_api: Api, lite_filled: str) -> None:
    api, name = lite_api, lite_filled
    window = api.get(f"collections/{name}/recovery-window/").json()
    assert (window["gaps"], window["point_in_time"]) == ([], True)
    api.post(f"collections/{name}/vectors/delete/", {"ids": ["b"]})
    target = {"collection": name, "target_name": f"{name}_back"}
    early = (datetime.fromisoformat(window["earliest"]) - timedelta(seconds=1)).isoformat()
    problem = assert_problem(api.post("restores/", {**target, "point_in_time": early}), 409, "conflict")
    assert "what is covered begins at" in problem["detail"]
    assert_problem(api.post("restores/", {**target, "point_in_time": "2999-01-01T00:00:00Z"}), 409, "conflict")
    assert api.get(f"collections/{name}_back/").status_code == 404
    done(api, api.post("restores/", {**target, "point_in_time": window["latest"]}))
    assert keys(api, f"{name}_back") == {"a", "b", "c"}


@pytest.fixture
def lite_filled(lite_api: Api) -> Iterator[str]:
    name = f"api_{secrets.token_hex(6)}"
    lite_api.post("collections/", {"name": name, "dimension": 4, "metric": "L2"})
    lite_api.post(f"collections/{name}/vectors/", {"vectors": ROWS})
    yield name
    for item in lite_api.get(f"collections/?search={name}").json()["results"]:
        lite_api.delete(f"collections/{item['name']}/")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"latest": True, "sequence": 1}, ""),
        ({}, ""),
        ({"latest": True, "target_name": "no name"}, "/target_name"),
        ({"point_in_time": "2026-01-02T03:04:05"}, "/point_in_time"),
        ({"point_in_time": "0001-01-01T00:00:00+14:00"}, "/point_in_time"),
        ({"point_in_time": "yesterday"}, "/point_in_time"),
        ({"latest": True, "mode": "over"}, "/mode"),
        ({"latest": True, "unknown": 1}, "/unknown"),
        ({"restore_point": "a\0"}, "/restore_point"),
    ],
)
def test_a_restore_that_is_wrong_is_refused_with_the_place(
    lite_api: Api, lite_filled: str, body: dict[str, Any], pointer: str
) -> None:
    problem = assert_problem(lite_api.post("restores/", {"collection": lite_filled, **body}), 422, "invalid")
    assert problem["errors"][0]["pointer"] == pointer
    assert not Job.objects.exists()


def test_a_target_that_exists_is_a_conflict(lite_api: Api, lite_filled: str) -> None:
    body = {"collection": lite_filled, "latest": True}
    problem = assert_problem(lite_api.post("restores/", body), 409, "already_exists")
    assert lite_filled in problem["detail"]
    assert not Job.objects.exists()


def test_backups_are_listed_newest_first_and_by_collection(lite_api: Api) -> None:
    first, second = set_row("docs"), set_row("docs", "other", rows=5)
    page = lite_api.get("backups/").json()
    assert [item["set_id"] for item in page["results"]] == [second.set_id, first.set_id]
    for query, found in (
        ("collection=other", [second]),
        ("collection=nothing", []),
        ("ordering=created_at", [first, second]),
        ("ordering=-rows&page_size=1", [second]),
        (f"search={first.set_id[-8:]}", [first]),
    ):
        answer = lite_api.get(f"backups/?{query}").json()
        assert [item["set_id"] for item in answer["results"]] == [row.set_id for row in found], query
    assert_problem(lite_api.get("backups/?collection=no%20name"), 422, "invalid")


def test_a_backup_is_pinned_and_deleted(lite_api: Api) -> None:
    row = set_row("docs")
    address = f"backups/{row.set_id}/"
    assert lite_api.patch(address, {"pinned": True, "note": "keep"}).json()["pinned"] is True
    assert "pinned" in assert_problem(lite_api.delete(address), 409, "conflict")["detail"]
    assert lite_api.patch(address, {"pinned": False}).json()["note"] == "keep"
    assert lite_api.delete(address).status_code == 204
    assert_problem(lite_api.get(address), 404, "not_found")


def test_a_damaged_file_is_named_and_its_set_is_not_restored(
    lite_api: Api, lite_filled: str, store_folder: Path
) -> None:
    set_id = back_up(lite_api, lite_filled)
    part = next(path for path in (store_folder / "sets" / set_id).rglob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[-20] ^= 1
    part.write_bytes(content)
    body = {"backup": set_id, "target_name": f"{lite_filled}_back"}
    failed = done(lite_api, lite_api.post("restores/", body))
    assert (failed["state"], failed["error"]["code"]) == ("failed", "backup_damaged")
    assert part.name in failed["error"]["detail"]
    assert lite_api.get(f"collections/{lite_filled}_back/").status_code == 404
    job = done(lite_api, lite_api.post(f"backups/{set_id}/verify/"))
    assert job["result"]["intact"] is False
    assert job["result"]["problems"][0]["path"].endswith(part.name)
    assert lite_api.get(f"backups/{set_id}/").json()["error"]["code"] == "backup_damaged"
    assert_problem(lite_api.post("restores/", body), 409, "conflict")


def test_a_storage_that_cannot_be_written_is_told_and_nothing_is_started(
    lite_api: Api, lite_filled: str, store_folder: Path
) -> None:
    store_folder.write_text("a file, no folder")
    problem = assert_problem(lite_api.post("backups/", {"collections": lite_filled}), 502, "storage_failed")
    assert "VECTORSTORE_BACKUP_URL" in problem["detail"]
    assert str(store_folder) not in problem["detail"]
    assert not Backup.objects.exists()
    assert not Job.objects.exists()


def test_who_may_not_see_one_of_the_collections_sees_no_set(
    lite_api: Api, user: User, client_of: Callable[[User], Api]
) -> None:
    give(user, "collection_admin", "docs")
    both, own = set_row("docs", "other"), set_row("docs")
    api = client_of(user)
    assert [item["set_id"] for item in api.get("backups/").json()["results"]] == [own.set_id]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "verify/")):
        hidden = assert_problem(api(method, f"backups/{both.set_id}/{path}"), 404, "not_found")
        absent = assert_problem(api(method, f"backups/nowhere/{path}"), 404, "not_found")
        assert hidden["detail"] == absent["detail"].replace("nowhere", both.set_id)
    assert_problem(api.post("restores/", {"backup": both.set_id, "collection": "docs", "target_name": "docs"}), 404,
                   "not_found")  # fmt: skip
    assert lite_api.get("backups/").json()["count"] == 2


POLICY = {"name": "nightly", "collections": ["docs*"], "schedule": "0 3 * * *", "retention": {"last": 1, "daily": 7}}


def test_a_policy_is_made_changed_and_deleted(lite_api: Api) -> None:
    made = lite_api.post("backup-policies/", POLICY)
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["retention"] == {"last": 1, "hourly": 0, "daily": 7, "weekly": 0, "monthly": 0, "window_days": 0}
    assert (body["kind"], body["timezone"], body["enabled"], body["created_by"]) == ("full", "UTC", True, "root")
    runs = [datetime.fromisoformat(run) for run in body["next_runs"]]
    assert len(runs) == 5
    assert {(run.hour, run.minute) for run in runs} == {(3, 0)}
    assert {later - sooner for sooner, later in pairwise(runs)} == {timedelta(days=1)}
    assert [item["name"] for item in lite_api.get("backup-policies/").json()["results"]] == ["nightly"]
    changed = lite_api.patch("backup-policies/nightly/", {"enabled": False, "timezone": "Asia/Tokyo"}).json()
    assert (changed["enabled"], changed["timezone"], changed["next_runs"]) == (False, "Asia/Tokyo", [])
    assert_problem(lite_api.post("backup-policies/", POLICY), 409, "already_exists")
    problem = assert_problem(lite_api.patch("backup-policies/nightly/", {"schedule": "nightly"}), 422, "invalid")
    assert problem["errors"][0]["pointer"] == "/schedule"
    assert lite_api.delete("backup-policies/nightly/").status_code == 204
    assert_problem(lite_api.get("backup-policies/nightly/"), 404, "not_found")


def test_what_a_retention_would_delete_is_told_and_nothing_is_deleted(lite_api: Api) -> None:
    lite_api.post("backup-policies/", {**POLICY, "retention": {"last": 1}})
    row = BackupPolicy.objects.get()
    old, new = set_row("docs", policy=row), set_row("docs", policy=row)
    Backup.objects.filter(pk=old.pk).update(end_at=new.end_at - timedelta(days=1))  # type: ignore[operator]
    plan = lite_api.get("backup-policies/nightly/retention/").json()
    assert plan == {"keep": {new.set_id: ["newest verified", "last"]}, "delete": [old.set_id]}
    assert Backup.objects.count() == 2


def test_a_moment_is_named_listed_and_restored(lite_api: Api, lite_filled: str) -> None:
    made = lite_api.post("restore-points/", {"collection": lite_filled, "name": "before the import"})
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["collection"], body["name"], body["actor"]) == (lite_filled, "before the import", "root")
    assert body["sequence"] > 0
    later = lite_api.post("restore-points/", {"collection": lite_filled, "name": "later"}).json()
    for query in ("", f"?collection={lite_filled}"):
        assert lite_api.get(f"restore-points/{query}").json()["results"] == [later, body]
    assert_problem(lite_api.get("restore-points/?collection=nowhere"), 404, "not_found")
    lite_api.post(f"collections/{lite_filled}/vectors/delete/", {"ids": ["a", "b"]})
    request = {"collection": lite_filled, "restore_point": "before the import", "target_name": f"{lite_filled}_back"}
    assert done(lite_api, lite_api.post("restores/", request))["result"]["rows"] == 3


def test_a_key_that_may_only_make_backups_names_a_moment_and_lists_none(
    lite_api: Api, lite_filled: str, admin: User
) -> None:
    scopes = KeyScopes(frozenset({"backup.create"}), lite_filled)
    api = Api()
    api.headers = {"Authorization": f"Api-Key {api_keys.make('narrow', admin, scopes=scopes, by='tests')[1]}"}
    made = api.post("restore-points/", {"collection": lite_filled, "name": "now"})
    assert (made.status_code, made.json()["collection"]) == (201, lite_filled)
    assert api.get("restore-points/").json()["count"] == 0
    assert lite_api.get("restore-points/").json()["count"] == 1


def _bypass(name: str) -> None:
    """A row more, and one that is not the same, straight to Milvus."""
    known = look_up(Scope(), name)[0]
    rows = [{"id": "alien", "vector": [0, 0, 0, 9]}, {"id": "a", "vector": [7, 7, 7, 7]}]
    known.engine.adapter.upsert("default", known.schema, read_rows(rows, known.schema))


@pytest.mark.parametrize(("act", "left"), [("adopt", {"a", "b", "c", "alien"}), ("revert", {"a", "b", "c"})])
def test_a_drift_is_listed_and_settled(lite_api: Api, lite_filled: str, act: str, left: set[str]) -> None:
    _bypass(lite_filled)
    uid = look_up(Scope(), lite_filled)[0].uid
    Drift.objects.create(uid=uid, collection=lite_filled, expected=3, found=4, detail="Milvus has 4 rows")
    Drift.objects.create(uid="other", collection="other")
    (body,) = lite_api.get(f"drift/?collection={lite_filled}").json()["results"]
    assert (body["expected"], body["found"], body["resolved_at"]) == (3, 4, None)
    answer = lite_api.post(f"collections/{lite_filled}/drift/{act}/")
    assert (answer.status_code, answer.json()) == (200, {"extra": 1, "missing": 0, "changed": 1})
    assert keys(lite_api, lite_filled) == left
    (body,) = lite_api.get(f"drift/?collection={lite_filled}").json()["results"]
    assert body["resolution"] == f"{act}ed"
    assert lite_api.post(f"collections/{lite_filled}/drift/{act}/").json() == {"extra": 0, "missing": 0, "changed": 0}
    assert lite_api.get("drift/").json()["count"] == 2


def test_drifts_are_shown_to_those_who_may_see_the_backups(
    lite_api: Api, user: User, client_of: Callable[[User], Api]
) -> None:
    give(user, "viewer")
    give(user, "collection_admin", "docs")
    for name in ("docs", "other"):
        Drift.objects.create(uid=name, collection=name)
    assert [item["collection"] for item in client_of(user).get("drift/").json()["results"]] == ["docs"]


def test_encrypted_backups_need_their_key(lite_api: Api, lite_filled: str, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_BACKUP_KEYS", "the first key of more than 32 characters")
    current.cache_clear()
    set_id = back_up(lite_api, lite_filled)
    bound.setenv("VECTORSTORE_BACKUP_KEYS", "the second key of more than 32 characters")
    current.cache_clear()
    body = {"backup": set_id, "target_name": f"{lite_filled}_back"}
    failed = done(lite_api, lite_api.post("restores/", body))
    assert failed["error"]["code"] == "backup_key_missing"
    assert lite_api.get(f"collections/{lite_filled}_back/").status_code == 404


def test_nobody_has_no_backups(anonymous: Api, lite: RunningEngine) -> None:
    for path in ("backups/", "backup-policies/", "restore-points/", "drift/"):
        assert_problem(anonymous.get(path), 401, "not_authenticated")


def test_a_set_tells_why_its_manifest_cannot_be_read_and_how_far_its_journal_goes(
    lite_api: Api, lite_filled: str, store_folder: Path
) -> None:
    set_id = back_up(lite_api, lite_filled)
    address = f"backups/{set_id}/"
    at = []
    for key in "xyz":
        lite_api.post(f"collections/{lite_filled}/vectors/", {"vectors": [{"id": key, "vector": [1, 0, 0, 9]}]})
        at.append(JournalEntry.objects.latest("seq").at)
    assert datetime.fromisoformat(lite_api.get(address).json()["covered"]["latest"]) >= at[2]
    JournalEntry.objects.filter(at=at[1]).delete()
    assert datetime.fromisoformat(lite_api.get(address).json()["covered"]["latest"]) == at[0]
    (store_folder / "sets" / set_id / "manifest.json").write_bytes(b"{}")
    body = lite_api.get(address).json()
    assert body["manifest"] is None
    assert "manifest.json" in body["problem"]
    assert lite_api.get(f"backups/{set_row('docs', state='running', end_at=None).set_id}/").json()["problem"] == ""
