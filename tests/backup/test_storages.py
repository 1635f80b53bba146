"""The storage that the settings name."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.support.s3 import Store
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.backup.storages import from_settings
from vectorstore.config.settings import load


def test_backups_are_in_the_data_folder_unless_a_place_is_named(tmp_path: Path) -> None:
    with from_settings(load({"VECTORSTORE_DATA_DIR": str(tmp_path)})) as storage:
        assert isinstance(storage, LocalStorage)
        assert storage.root == tmp_path / "backups"


def test_a_folder_can_be_named_with_spaces(tmp_path: Path) -> None:
    with from_settings(load({"VECTORSTORE_BACKUP_URL": f"file://{tmp_path}/my%20backups"})) as storage:
        storage.write_bytes("a", b"x")
    assert (tmp_path / "my backups" / "a").read_bytes() == b"x"


def test_a_bucket_is_used_below_its_prefix(store: Store) -> None:
    bucket = store.make_bucket("named-by-url")
    environment = {
        "VECTORSTORE_BACKUP_URL": store.url(bucket, "deep/down"),
        "VECTORSTORE_BACKUP_ACCESS_KEY": store.access_key,
        "VECTORSTORE_BACKUP_SECRET_KEY": store.secret_key,
    }
    with from_settings(load(environment)) as storage:
        storage.write_bytes("sets/a", b"x")
    client = store.client()
    try:
        assert [found["Key"] for found in client.list_objects_v2(Bucket=bucket)["Contents"]] == ["deep/down/sets/a"]
    finally:
        client.close()


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://bucket/x?secret=hunter2"])
def test_an_address_that_names_no_store_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="VECTORSTORE_BACKUP_URL should be s3://bucket") as refusal:
        from_settings(load({"VECTORSTORE_BACKUP_URL": url}))
    assert "hunter2" not in str(refusal.value)
