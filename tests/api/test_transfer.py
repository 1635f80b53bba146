"""Imports and exports over HTTP; the jobs run as a worker runs them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.api.client import BASE, Api, assert_problem
from tests.support.access import give
from tests.support.ledger import Ledger
from vectorstore.config.settings import current
from vectorstore.models import AuditRecord, Job
from vectorstore.service.context import Scope
from vectorstore.transfer.run_export import run_export
from vectorstore.transfer.run_import import run_import

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, bound: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path / "data"))
    current.cache_clear()
    return tmp_path / "data"


@pytest.fixture
def name(lite_api: Api, new_name: Callable[[], str]) -> Iterator[str]:
    made = new_name()
    assert lite_api.post("collections/", {"name": made, "dimension": 4, "metric": "L2"}).status_code == 201
    yield made
    lite_api.delete(f"collections/{made}/")


ROWS = [{"id": f"r{n}", "vector": [float(n)] * 4, "n": n} for n in range(20)]
LINES = b"".join(orjson.dumps(row) + b"\n" for row in ROWS)


def send(api: Api, name: str, file: bytes | None = LINES, file_name: str = "rows.ndjson", **more: Any) -> Any:
    """A form with a file and the options; names in capitals are headers."""
    headers = {key: more.pop(key) for key in list(more) if key[0].isupper()}
    parts = {**({"file": SimpleUploadedFile(file_name, file)} if file is not None else {}), **more}
    body = encode_multipart(BOUNDARY, parts)
    return api("POST", f"collections/{name}/import/", body, content_type=MULTIPART_CONTENT, **headers)


def run(answer: Any) -> dict[str, Any]:
    """The result of the job that was answered."""
    assert answer.status_code == 202, answer.content
    told = answer.json()
    assert answer["Location"] == f"{BASE}jobs/{told['id']}/"
    job = Job.objects.get(pk=told["id"])
    return {"import": run_import, "export": run_export}[job.kind](Ledger(), Scope(), job.params)


def kept(data_dir: Path) -> list[Path]:
    return list((data_dir / "transfer").iterdir()) if (data_dir / "transfer").exists() else []


def test_a_file_is_sent_imported_exported_and_downloaded(lite_api: Api, anonymous: Api, name: str) -> None:
    answer = send(lite_api, name)
    told = answer.json()
    assert (told["kind"], told["state"], told["collection"]) == ("import", "queued", name)
    assert run(answer) == {"collection": name, "rows": 20, "rejected": 0}
    result = run(lite_api.post(f"collections/{name}/export/", {"format": "ndjson", "filter": "n < 3"}))
    assert result["rows"] == 3
    download = anonymous.get(result["download"])
    content = b"".join(download.streaming_content)  # type: ignore[attr-defined]
    assert [orjson.loads(line) for line in content.splitlines()] == ROWS[:3]
    assert download["X-Content-Type-Options"] == "nosniff"
    assert download["Content-Disposition"] == f'attachment; filename="{name}-rows.ndjson"'
    assert download["Content-Type"] == "application/x-ndjson"
    assert download["Cache-Control"] == "private, no-store"
    assert AuditRecord.objects.filter(action="vector.export", method="link", actor="system").count() == 1


def test_options_come_as_fields_or_as_json(lite_api: Api, name: str) -> None:
    text = b"key,embedding,x,y\r\n" + b"".join(b'k%d,"[0,0,0,%d]",1,2\r\n' % (n, n) for n in range(3))
    fields: dict[str, Any] = {
        "mapping": json.dumps({"key": "id", "embedding": "vector"}),
        "drop": ["x", "y"],
        "mode": "upsert",
        "format": "csv",
    }
    assert run(send(lite_api, name, text, "rows.txt", **fields))["rows"] == 3
    whole = {**fields, "mapping": json.loads(fields["mapping"])}
    assert run(send(lite_api, name, text, "rows.txt", options=json.dumps(whole)))["rows"] == 3
    assert lite_api.post(f"collections/{name}/vectors/get/", {"ids": ["k2"]}).json()["results"] == [
        {"id": "k2", "vector": [0, 0, 0, 2]}
    ]


def test_an_array_comes_with_its_metadata(lite_api: Api, name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((2, 4), np.float32))
    beside = SimpleUploadedFile("m.csv", b"id,n\r\na,1\r\nb,2\r\n")
    answer = send(lite_api, name, (tmp_path / "a.npy").read_bytes(), "a.npy", metadata=beside)
    assert run(answer)["rows"] == 2


def test_a_link_to_the_rows_left_out(lite_api: Api, anonymous: Api, name: str) -> None:
    result = run(send(lite_api, name, LINES + b'{"id": "bad", "vector": [1]}\n', on_error="skip"))
    assert (result["rows"], result["rejected"]) == (20, 1)
    content = b"".join(anonymous.get(result["rejects"]).streaming_content)  # type: ignore[attr-defined]
    assert orjson.loads(content)["row"] == 20


@pytest.mark.parametrize(
    ("more", "status", "code", "pointer"),
    [
        ({"file": None}, 422, "invalid", "/file"),
        ({"file_name": "rows"}, 422, "invalid", "/format"),
        ({"mapping": "[1]"}, 422, "invalid", "/mapping"),
        ({"mapping": "{"}, 422, "invalid", "/mapping"),
        ({"mode": "replace"}, 422, "invalid", "/mode"),
        ({"mode": ["insert", "upsert"]}, 422, "invalid", "/mode"),
        ({"colour": "red"}, 422, "invalid", "/colour"),
        ({"options": "{}", "mode": "upsert"}, 422, "invalid", "/options"),
        ({"other": SimpleUploadedFile("x.csv", b"x")}, 422, "invalid", "/other"),
        ({"metadata": SimpleUploadedFile("x.csv", b"id\n")}, 422, "invalid", "/metadata"),
        ({"url": "https://example.org/a.csv"}, 422, "invalid", "/url"),
        ({"file_name": "rows.parquet"}, 400, "malformed", ""),
        ({"file_name": "rows.npy"}, 400, "malformed", ""),
    ],
)
def test_a_form_that_does_not_fit_leaves_nothing(
    lite_api: Api, name: str, data_dir: Path, more: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    body = assert_problem(send(lite_api, name, **more), status, code)
    if pointer:
        assert pointer in [error["pointer"] for error in body["errors"]]
    assert not Job.objects.exists()
    assert kept(data_dir) == []


def test_a_form_that_is_none_is_refused(lite_api: Api, name: str) -> None:
    url = f"collections/{name}/import/"
    assert_problem(lite_api("POST", url, b"x", content_type="multipart/form-data"), 400, "malformed")
    assert_problem(lite_api("POST", url, b"x", content_type="text/csv"), 415, "unsupported_media_type")
    assert_problem(lite_api("POST", url), 400, "malformed")
    whole = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("rows.ndjson", LINES)})
    for size in range(0, len(whole), 311):
        answer = lite_api("POST", url, whole[:size], content_type=MULTIPART_CONTENT)
        assert 400 <= answer.status_code < 500 or b"rows.ndjson" in whole[:size]


def test_a_file_over_the_limit_is_refused_before_it_is_kept(
    lite_api: Api, name: str, bound: pytest.MonkeyPatch, data_dir: Path
) -> None:
    bound.setenv("VECTORSTORE_MAX_UPLOAD_BYTES", str(len(LINES) - 1))
    current.cache_clear()
    assert_problem(send(lite_api, name), 413, "too_large")
    assert_problem(send(lite_api, name, b"x" * 10_000_000), 413, "too_large")
    assert kept(data_dir) == []
    bound.setenv("VECTORSTORE_MAX_UPLOAD_BYTES", str(len(LINES)))
    current.cache_clear()
    assert run(send(lite_api, name))["rows"] == 20


def test_a_key_makes_one_job_of_a_repeated_request(lite_api: Api, name: str, data_dir: Path) -> None:
    first, second = (send(lite_api, name, Idempotency_Key="k-1") for _ in range(2))
    assert first.content == second.content
    assert second["Idempotency-Replayed"] == "true"
    assert second["Location"] == first["Location"]
    assert Job.objects.count() == 1
    assert len(kept(data_dir)) == 1
    assert_problem(send(lite_api, name, LINES + b"\n", Idempotency_Key="k-1"), 422, "idempotency_mismatch")
    assert_problem(send(lite_api, name, mode="upsert", Idempotency_Key="k-1"), 422, "idempotency_mismatch")
    assert run(first)["rows"] == 20


def test_imports_by_url_are_off_and_then_within_the_hosts(lite_api: Api, name: str, bound: pytest.MonkeyPatch) -> None:
    url = f"collections/{name}/import/"
    off = assert_problem(lite_api.post(url, {"url": "https://example.org/a.csv"}), 422, "invalid")
    assert "VECTORSTORE_IMPORT_HOSTS" in off["detail"]
    bound.setenv("VECTORSTORE_IMPORT_HOSTS", "localhost")
    current.cache_clear()
    for hostile in ("http://localhost/a.csv", "https://127.0.0.1/a.csv", "https://169.254.169.254/a.csv"):
        assert_problem(lite_api.post(url, {"url": hostile}), 422, "invalid")
    assert_problem(lite_api.post(url, {}), 422, "invalid")
    answer = lite_api.post(url, {"url": "https://localhost/a.csv"})  # a name that is allowed, at an address that is not
    from vectorstore.domain.errors import InvalidRequest

    with pytest.raises(InvalidRequest, match="not public"):
        run(answer)


def test_a_session_needs_its_token_in_the_header(lite_api: Api, name: str, admin: User) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(admin)
    body = {"file": SimpleUploadedFile("rows.ndjson", LINES)}
    assert_problem(client.post(f"{BASE}collections/{name}/import/", body), 403, "csrf_failed")
    client.get("/admin/")
    token = "a" * 32
    client.cookies["csrftoken"] = token
    inside = {"file": SimpleUploadedFile("rows.ndjson", LINES), "csrfmiddlewaretoken": token}
    assert_problem(client.post(f"{BASE}collections/{name}/import/", inside), 403, "csrf_failed")
    body = {"file": SimpleUploadedFile("rows.ndjson", LINES)}
    answer = client.post(f"{BASE}collections/{name}/import/", body, headers={"X-CSRFToken": token})
    assert run(answer)["rows"] == 20


def test_who_may_not_import_sends_nothing_to_the_disk(
    lite_api: Api, name: str, user: User, client_of: Callable[[User], Api], data_dir: Path
) -> None:
    assert_problem(send(client_of(user), name), 404, "not_found")
    give(user, "viewer", name)
    from vectorstore.access import rights

    rights.forget()
    assert_problem(send(client_of(user), name), 403, "permission_denied")
    assert_problem(client_of(user).post(f"collections/{name}/export/", {"format": "csv"}), 403, "permission_denied")
    assert kept(data_dir) == []


def test_an_export_that_does_not_fit_is_refused(lite_api: Api, name: str) -> None:
    url = f"collections/{name}/export/"
    assert_problem(lite_api.post(url, {"format": "xlsx"}), 422, "invalid")
    assert_problem(lite_api.post(url, {"format": "csv", "filter": "n ==="}), 422, "invalid_filter")
    assert not Job.objects.exists()


def test_forged_links_answer_alike(anonymous: Api) -> None:
    told = set()
    for token in ("x", "a:b:c", "a" * 200):
        body = assert_problem(anonymous.get(f"downloads/{token}/"), 404, "not_found")
        told.add(body["detail"])
    assert len(told) == 1
    assert_problem(anonymous.get("downloads/..%2F..%2Fetc/"), 404, "not_found")
