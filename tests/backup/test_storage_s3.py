"""The S3-compatible store: its refusals in our words, and uploads that it keeps otherwise than they were sent."""

import contextlib
import json
import logging
import uuid

import pytest

from tests.backup.conftest import on_s3
from tests.support.altering import Alter, altering
from tests.support.engines import free_port
from tests.support.s3 import Store
from vectorstore.backup.storage_s3 import S3Storage
from vectorstore.domain.errors import StorageFailed, StorageUnavailable

_READ_ONLY = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}


def test_a_bucket_that_does_not_exist_names_the_url(store: Store) -> None:
    with on_s3(store, "no-such-bucket") as storage:
        for attempt in (lambda: storage.write_bytes("a", b"x"), lambda: list(storage.list())):
            with pytest.raises(StorageFailed, match=r"VECTORSTORE_BACKUP_URL.* does not exist"):
                attempt()


def test_wrong_credentials_name_the_settings_and_show_none(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    bucket = store.make_bucket(f"b-{uuid.uuid4().hex}")
    caplog.set_level(logging.INFO)
    with store.guarded(json.dumps({"Version": "2012-10-17", "Statement": [_READ_ONLY]})) as user:
        unknown = Store(user.endpoint, "AKIAUNKNOWN000000000", "hunter2hunter2")
        forged = Store(user.endpoint, user.access_key, "hunter2hunter2")
        for wrong in (unknown, forged):
            with on_s3(wrong, bucket) as storage, pytest.raises(StorageFailed) as refusal:
                list(storage.list())
            assert "VECTORSTORE_BACKUP_ACCESS_KEY and VECTORSTORE_BACKUP_SECRET_KEY" in refusal.value.detail
            assert wrong.access_key not in str(refusal.value)
            assert "hunter2" not in repr(refusal.getrepr(style="short"))
    assert "hunter2" not in caplog.text


def test_a_user_who_may_only_read_is_told_what_to_change(store: Store) -> None:
    bucket = store.make_bucket(f"b-{uuid.uuid4().hex}")
    with (
        store.guarded(json.dumps({"Version": "2012-10-17", "Statement": [_READ_ONLY]})) as user,
        on_s3(user, bucket) as storage,
    ):
        assert list(storage.list()) == []
        with pytest.raises(StorageFailed, match=r"Writing sets/a is not allowed.*VECTORSTORE_BACKUP_URL"):
            storage.write_bytes("sets/a", b"x")


def test_a_store_that_does_not_answer_names_the_endpoint() -> None:
    nobody = Store(f"http://127.0.0.1:{free_port()}")
    with on_s3(nobody, "bucket") as storage:
        with pytest.raises(StorageUnavailable, match="endpoint_url in VECTORSTORE_BACKUP_URL"):
            storage.write_bytes("a", b"x")
        with pytest.raises(StorageUnavailable):
            storage.exists("a")


def test_an_endpoint_that_is_no_address_is_refused() -> None:
    with pytest.raises(StorageFailed, match="VECTORSTORE_BACKUP_URL"):
        on_s3(Store("no address"), "bucket")


def test_no_upload_is_left_when_writing_is_given_up(s3: S3Storage, store: Store) -> None:
    with s3.create("large") as sink:
        sink.write(b"x" * (17 * 1024 * 1024))
    with contextlib.closing(store.client()) as client:
        uploads = [client.list_multipart_uploads(Bucket=each["Name"]) for each in client.list_buckets()["Buckets"]]
    assert not any(found.get("Uploads") for found in uploads)


def _opaque(method: str, headers: dict[str, str], body: bytes) -> bytes:
    """As where the store encrypts: the ETag is not the MD5."""
    if method == "HEAD" and "etag" in headers:
        headers["etag"] = '"0123456789abcdef"'
    return body


def _spoiled(method: str, headers: dict[str, str], body: bytes) -> bytes:
    _opaque(method, headers, body)
    return body.replace(b"sent", b"kept") if method == "GET" else body


def _short(method: str, headers: dict[str, str], body: bytes) -> bytes:
    if method == "HEAD":
        headers["content-length"] = "3"
    return body


@pytest.mark.parametrize("data", [b"as it was sent", b"as it was sent" * 1_300_000], ids=["small", "parts"])
@pytest.mark.parametrize(("alter", "kept"), [(_opaque, True), (_spoiled, False), (_short, False)])
def test_other_bytes_than_were_sent_are_found_and_not_left(store: Store, alter: Alter, kept: bool, data: bytes) -> None:
    bucket = store.make_bucket(f"b-{uuid.uuid4().hex}")
    with altering(store.endpoint, alter) as address, on_s3(Store(address), bucket) as storage:
        if kept:
            assert storage.write_bytes("sets/a", data).size == len(data)
        else:
            with pytest.raises(StorageFailed, match="other bytes of sets/a"):
                storage.write_bytes("sets/a", data)
    with on_s3(store, bucket) as direct:
        assert direct.exists("sets/a") is kept


def test_an_answer_that_ends_too_early_is_told(store: Store) -> None:
    bucket = store.make_bucket(f"b-{uuid.uuid4().hex}")

    def cut(method: str, headers: dict[str, str], body: bytes) -> bytes:
        if method == "GET":
            headers["content-length"] = str(len(body) + 1)
            headers["connection"] = "close"
        return body

    with on_s3(store, bucket) as direct:
        direct.write_bytes("sets/a", b"x" * 1000)
    with (
        altering(store.endpoint, cut) as address,
        on_s3(Store(address), bucket) as storage,
        storage.open("sets/a") as stream,
        pytest.raises(StorageUnavailable, match="sets/a"),
    ):
        stream.read()
