import errno
import os
import time
from pathlib import Path

import pytest

from vectorstore.domain.errors import DiskFull, NotFound
from vectorstore.models import Job, JobState
from vectorstore.transfer import folders


def test_a_file_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with folders.whole_file(tmp_path / "f") as file:
        file.write(b"one")
    unfinished = folders.whole_file(tmp_path / "f")
    unfinished.__enter__().write(b"two")
    assert not unfinished.__exit__(RuntimeError, RuntimeError(), None)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"f"}
    assert (tmp_path / "f").read_bytes() == b"one"


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="VECTORSTORE_DATA_DIR"), folders.whole_file(tmp_path / "f"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="denied"), folders.room():
        raise OSError(errno.EACCES, "denied")


@pytest.mark.parametrize("name", ["", "..", "../x", "a" * 31, "A" * 32, "a" * 32])
def test_only_a_folder_of_ours_is_one(name: str) -> None:
    with pytest.raises(NotFound):
        folders.folder(name)
    folders.remove(name)


@pytest.mark.django_db
def test_what_is_old_and_of_no_job_under_way_is_purged() -> None:
    made = {name: folders.make() for name in ("old", "new", "queued", "ended")}
    for name, state in (("queued", JobState.QUEUED), ("ended", JobState.FAILED)):
        Job.objects.create(kind="import", state=state, params={"transfer": made[name]}, actor_kind="user", actor="ann")
    before = time.time() - 25 * 3600
    for name in ("old", "queued", "ended"):
        os.utime(folders.folder(made[name]), (before, before))
    assert folders.purge() == 2
    left = {path.name for path in folders.folder(made["new"]).parent.iterdir()}
    assert left == {made["new"], made["queued"]}
    assert folders.purge() == 0
