"""Storages of both kinds, and a work that nobody stops."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.made import Unhurried
from tests.support.s3 import REGION, Store, running_store
from vectorstore.backup.storage import Storage
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.backup.storage_s3 import S3Storage


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    with running_store() as found:
        yield found


def on_s3(store: Store, bucket: str, prefix: str = "") -> S3Storage:
    return S3Storage(
        bucket,
        prefix,
        endpoint_url=store.endpoint,
        region=REGION,
        access_key=store.access_key,
        secret_key=store.secret_key,
    )


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "backups")


@pytest.fixture
def s3(store: Store) -> Iterator[S3Storage]:
    with contextlib.closing(on_s3(store, store.make_bucket(f"b-{uuid.uuid4().hex}"), "all/backups")) as found:
        yield found


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest) -> Storage:
    found: Storage = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def work() -> Unhurried:
    return Unhurried()
