"""Runs a command with ``DATABASE_URL`` of a PostgreSQL made for it: ``python -m tests.support.postgres COMMAND…``.

The server is the machine's own; where there is none, the command is not run and a line says so.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_DEBIAN = "/usr/lib/postgresql"


def server_programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, newest version first; Debian keeps it off the PATH."""
    versions = Path(_DEBIAN).glob("*/bin/initdb")
    found = max(versions, key=lambda path: int(path.parts[-3]), default=None) or shutil.which("initdb")
    return Path(found).parent if found else None


@contextlib.contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """The URL of an empty PostgreSQL on loopback. It refuses to run as root, so root runs it as another user."""
    account: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(prefix="vectorstore-postgres-"))
    if os.getuid() == 0:
        entry = next(user for user in map(_user, ("postgres", "nobody")) if user)
        account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, log = str(folder / "data"), str(folder / "log")

    def call(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, **account)

    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
    try:
        call("initdb", "-D", data, "-U", "vectorstore", "--auth", "trust", "-E", "UTF8", "--no-sync")
        call("pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        try:
            yield f"postgresql://vectorstore@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def main(command: list[str]) -> int:
    programs = server_programs()
    if programs is None:
        print("There is no PostgreSQL server on this machine: its tests are skipped.", file=sys.stderr)
        return 0
    with postgres(programs) as url:
        return subprocess.run(command, env=os.environ | {"DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
