"""Real engines for the tests: Milvus Lite's server and the Milvus server of the ``milvus`` wheel."""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

_BIN = Path(sys.executable).parent
_FIXED_PORTS = (2379, 2380, 9091)  # inside the Milvus server; they cannot be chosen
_START_S = 90
_OTHER_RUN_S = 600

SHORT_PAUSES = {
    "PROXY_TIMETICKINTERVAL": "50",
    "QUERYCOORD_CHECKINTERVAL": "100",
    "QUERYCOORD_CHECKCHANNELINTERVAL": "100",
    "QUERYCOORD_CHECKSEGMENTINTERVAL": "100",
    "QUERYCOORD_DISTPULLINTERVAL": "100",
}
"""Settings of the Milvus server, in milliseconds, that keep tests short: strong reads take 50 ms instead of 200, and
loading a collection 1.9 s instead of 2.9."""


@dataclass(frozen=True)
class RunningEngine:
    """How to reach an engine that the tests started, and its process."""

    kind: str
    port: int
    user: str
    password: str
    process: subprocess.Popen[bytes]
    folder: Path
    tls: dict[str, Any] = field(default_factory=dict)
    """What else an ``Endpoint`` of it needs."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MILVUS_HOST": "127.0.0.1",
            "MILVUS_PORT": str(self.port),
            "MILVUS_USER": self.user,
            "MILVUS_PASSWORD": self.password,
        }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def milvus_lite(folder: Path | None = None, port: int | None = None) -> Iterator[RunningEngine]:
    """Milvus Lite's gRPC server on loopback."""
    own = folder is None
    folder = folder or Path(tempfile.mkdtemp(prefix="vectorstore-lite-"))
    port = port or free_port()
    command = [
        _BIN / "milvus-lite",
        "server",
        "--data-dir",
        folder / "data",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with _running([str(part) for part in command], "lite", port, "", "", folder) as engine:
        yield engine
    if own:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def milvus_server(
    settings: dict[str, str] = SHORT_PAUSES, options: tuple[str, ...] = (), tls: dict[str, Any] | None = None
) -> Iterator[RunningEngine]:
    """Milvus 2.3.5, with users; one at a time on a host. ``tls`` is how to reach it with its further ``options``."""
    folder = Path(tempfile.mkdtemp(prefix="vectorstore-milvus-"))
    port = free_port()
    place = ["--data", str(folder), "--proxy-port", str(port), "--authorization-enabled", "true"]
    command = [str(_BIN / "milvus-server"), *place, *options]
    with _only_one(), _running(command, "milvus", port, "root", "Milvus", folder, tls, settings) as engine:
        yield engine
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Another run of the tests on this host may have the server now: its ports are fixed in each network."""
    ends = time.monotonic() + _OTHER_RUN_S
    network = Path("/proc/self/ns/net")
    number = network.stat().st_ino if network.exists() else 0
    with (Path(tempfile.gettempdir()) / f"vectorstore-tests-milvus-{number}.lock").open("w") as lock:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not any(_listens(port) for port in _FIXED_PORTS):
                    break
                fcntl.flock(lock, fcntl.LOCK_UN)
            if time.monotonic() > ends:
                ports = ", ".join(str(port) for port in _FIXED_PORTS)
                raise RuntimeError(f"The Milvus server of the tests needs the ports {ports}; stop what has them.")
            time.sleep(1)
        yield


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def _running(
    command: list[str],
    kind: str,
    port: int,
    user: str,
    password: str,
    folder: Path,
    tls: dict[str, Any] | None = None,
    settings: dict[str, str] | None = None,
) -> Iterator[RunningEngine]:
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(
        command,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd=folder,
        env=os.environ | {"HOME": str(folder)} | (settings or {}),
    )
    engine = RunningEngine(kind, port, user, password, process, folder, tls or {})
    try:
        wait_until_serving(engine, folder / "server.log")
        yield engine
    finally:
        stop(process)
        log.close()


def wait_until_serving(engine: RunningEngine, log: Path) -> None:
    """Until the engine answers a describe."""
    from vectorstore.adapters.milvus_adapter import MilvusAdapter
    from vectorstore.adapters.rpc import Endpoint
    from vectorstore.domain.errors import VectorStoreError

    ends = time.monotonic() + _START_S
    while True:
        if engine.process.poll() is not None:
            raise RuntimeError(f"{engine.kind} ended at its start: {log.read_text(errors='replace')[-2000:]}")
        endpoint = Endpoint("127.0.0.1", engine.port, engine.user, engine.password, **engine.tls)
        adapter = MilvusAdapter(endpoint, engine.folder)
        try:
            adapter.list_collections("default")
            return
        except (VectorStoreError, grpc.RpcError):
            if time.monotonic() > ends:
                raise
            time.sleep(0.2)
        finally:
            adapter.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process with its group: gently, then not."""
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
