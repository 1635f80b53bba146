"""The local folder: what a crash leaves, and real file systems that are full or read-only."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from vectorstore.backup.storage_local import LocalStorage
from vectorstore.config.settings import BASE_DIR

_BEGIN = """
import sys
from pathlib import Path
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.domain.errors import StorageFailed
storage = LocalStorage(Path(sys.argv[1]))
"""


def _run(script: str, folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-c", _BEGIN + textwrap.dedent(script), str(folder)]
    return subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)


def _mounted(folder: Path, then: str) -> list[str]:
    """What to put before a command to run it where ``folder`` is a file system of 1 MiB of its own."""
    mount = f'mount -t tmpfs -o size=1m none "{folder}" && {then} exec "$@"'
    user = [] if os.getuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--mount", *user, "sh", "-c", mount, "sh"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")
    return command


def test_a_full_file_system_is_told_with_the_setting_and_leaves_nothing(tmp_path: Path) -> None:
    done = _run(
        """
        storage.write_bytes("kept", b"x" * 1000)
        try:
            storage.write_bytes("big", b"x" * 2_000_000)
        except StorageFailed as error:
            print(type(error).__name__, error.detail)
        print([item.path for item in storage.list()], storage.read_bytes("kept") == b"x" * 1000)
        storage.write_bytes("after", b"x" * 500_000)
        """,
        tmp_path,
        *_mounted(tmp_path, ""),
    )
    assert done.returncode == 0, done.stderr
    assert "StorageFull There is no room for writing big" in done.stdout
    assert "VECTORSTORE_BACKUP_URL" in done.stdout
    assert "['kept'] True" in done.stdout


def test_a_read_only_file_system_is_told_with_the_setting(tmp_path: Path) -> None:
    done = _run(
        """
        for attempt in (lambda: storage.write_bytes("new", b"x"), lambda: storage.delete("kept")):
            try:
                attempt()
            except StorageFailed as error:
                print(type(error).__name__, error.detail)
        print(storage.read_bytes("kept"))
        """,
        tmp_path,
        *_mounted(tmp_path, f'echo -n old > "{tmp_path}/kept" && mount -o remount,ro "{tmp_path}" &&'),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("StorageFailed Not allowed") == 2
    assert done.stdout.count("VECTORSTORE_BACKUP_URL") == 2
    assert "b'old'" in done.stdout


def test_a_limit_on_the_size_of_files_is_told_as_no_room(tmp_path: Path) -> None:
    done = _run(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            storage.write_bytes("big", b"x" * 200_000)
        except StorageFailed as error:
            print(type(error).__name__, [item.path for item in storage.list()])
        """,
        tmp_path,
    )
    assert "StorageFull []" in done.stdout, done.stderr


def test_a_place_that_is_no_folder_is_told_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _run(
        """
        try:
            storage.write_bytes("new", b"x")
        except StorageFailed as error:
            print(error.detail)
        """,
        tmp_path / "file",
    )
    assert "VECTORSTORE_BACKUP_URL" in done.stdout, done.stderr


def test_a_writer_killed_in_the_middle_leaves_the_former_file(tmp_path: Path) -> None:
    done = _run(
        """
        import os, signal
        storage.write_bytes("file", b"former")
        sink = storage.create("file")
        sink.write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        tmp_path,
    )
    assert done.returncode == -signal.SIGKILL
    storage = LocalStorage(tmp_path)
    assert storage.read_bytes("file") == b"former"
    assert [item.path for item in storage.list()] == ["file"]


def test_files_are_their_owners_only(local: LocalStorage) -> None:
    local.write_bytes("sets/a/file", b"x")
    assert (local.root / "sets/a/file").stat().st_mode & 0o777 == 0o600
    assert (local.root / "sets/a").stat().st_mode & 0o777 == 0o700


def test_empty_folders_go_with_their_last_file(local: LocalStorage) -> None:
    local.write_bytes("sets/a/x/file", b"x")
    local.delete("sets/a/x/file")
    assert not (local.root / "sets").exists()
    assert local.root.is_dir()


def test_free_bytes_are_known_before_the_folder_is_there(local: LocalStorage) -> None:
    free = local.free()
    assert free is not None
    assert free > 0
