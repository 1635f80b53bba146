"""The S3-compatible store: its refusals in our words, and uploads that it keeps otherwise than they were sent."""

import contextlib
import json
import logging
import uuid

import pytest

from tests.backup.conftest import on_s3
from tests.support.engines import free_port
from tests.support.s3 import Store
from vectorstore.backup.storage_s3 import S3Storage
from vectorstore.domain.errors import StorageFailed, StorageUnavailable

_READ_ONLY = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}


def test_a_bucket_that_does_not_exist_names_the_url(store: Store) -> None:
    with contextlib.closing(on_s3(store, "no-such-bucket")) as storage:
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
            with contextlib.closing(on_s3(wrong, bucket)) as storage, pytest.raises(StorageFailed) as refusal:
                list(storage.list())
            assert "VECTORSTORE_BACKUP_ACCESS_KEY and VECTORSTORE_BACKUP_SECRET_KEY" in refusal.value.detail
            assert wrong.access_key not in str(refusal.value)
            assert "hunter2" not in repr(refusal.getrepr(style="short"))
    assert "hunter2" not in caplog.text


def test_a_user_who_may_only_read_is_told_what_to_change(store: Store) -> None:
    bucket = store.make_bucket(f"b-{uuid.uuid4().hex}")
    with (
        store.guarded(json.dumps({"Version": "2012-10-17", "Statement": [_READ_ONLY]})) as user,
        contextlib.closing(on_s3(user, bucket)) as storage,
    ):
        assert list(storage.list()) == []
        with pytest.raises(StorageFailed, match=r"Writing sets/a is not allowed.*VECTORSTORE_BACKUP_URL"):
            storage.write_bytes("sets/a", b"x")


def test_a_store_that_does_not_answer_names_the_endpoint() -> None:
    nobody = Store(f"http://127.0.0.1:{free_port()}")
    with contextlib.closing(on_s3(nobody, "bucket")) as storage:
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
