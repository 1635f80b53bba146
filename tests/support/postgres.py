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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.certificates import Pair

_DEBIAN = "/usr/lib/postgresql"


@dataclass(frozen=True)
class Tls:
    """``ca`` signed the certificates of the clients."""

    server: Pair
    ca: Path
    password: str


def server_programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, newest version first; Debian keeps it off the PATH."""
    versions = Path(_DEBIAN).glob("*/bin/initdb")
    found = max(versions, key=lambda path: int(path.parts[-3]), default=None) or shutil.which("initdb")
    return Path(found).parent if found else None


@contextlib.contextmanager
def postgres(programs: Path, tls: Tls | None = None) -> Iterator[str]:
    """The URL of an empty PostgreSQL on loopback. It refuses to run as root, so root runs it as another user.

    With ``tls`` it takes encrypted connections only, whose client shows a certificate of its user's name, and asks for
    the user's password in words.
    """
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

    arguments = ["-U", "vectorstore", "--auth", "trust", "-E", "UTF8", "--no-sync"]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
    try:
        call("initdb", "-D", data, *arguments, *([f"--pwfile={_lent(tls.password, folder, account)}"] if tls else ()))
        if tls:
            options += _encrypted(tls, folder, account)
        call("pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        try:
            yield f"postgresql://vectorstore@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _encrypted(tls: Tls, folder: Path, account: dict[str, Any]) -> str:
    """Options of a server that is spoken to by TLS alone."""
    (folder / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 password clientcert=verify-full\n")
    files = {"ssl_cert_file": tls.server.certificate, "ssl_key_file": tls.server.key, "ssl_ca_file": tls.ca}
    lent = {name: _lent(path.read_text(), folder, account) for name, path in files.items()}
    return " -c ssl=on" + "".join(f" -c {name}={path}" for name, path in lent.items())


def _lent(text: str, folder: Path, account: dict[str, Any]) -> Path:
    """A file that the server's user, and nobody else, may read."""
    descriptor, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    if account:
        os.chown(name, account["user"], account["group"])
    return Path(name)


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
