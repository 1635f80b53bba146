"""The whole stack as ``make run`` starts it, without the demo."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from project.processes import StackError
from project.stack import check_port, free_port, redis_configuration, redis_server, take_lock
from vectorstore.config.settings import BASE_DIR, load

PASSWORD = "password-of-the-stack-test"
_TAKEN = ("MILVUS_", "REDIS_URL", "DATABASE_URL", "VECTORSTORE_", "DJANGO_SETTINGS_MODULE")


class Stack:
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "run.log"
        self.folder = folder / "data"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_TAKEN)}
        environment |= {
            "PORT": str(self.port),
            "VECTORSTORE_DATA_DIR": str(self.folder),
            "VECTORSTORE_ADMIN_PASSWORD": PASSWORD,
            "VECTORSTORE_DEMO": "false",
            "VECTORSTORE_WEB_WORKERS": "1",
            "VECTORSTORE_TASK_WORKERS": "1",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "project.stack"],
                cwd=BASE_DIR,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def call(self, path: str, body: Any = None, token: str = "") -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, data, timeout=30) as answer:
            return json.loads(answer.read())

    def wait_until_ready(self, seconds: float = 120) -> Any:
        ends = time.monotonic() + seconds
        while True:
            try:
                return self.call("/readyz")
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < ends, self.log.read_text()
                time.sleep(0.2)

    def token(self) -> str:
        return str(self.call("/api/v1/auth/token/", {"username": "admin", "password": PASSWORD})["access"])

    def left_over(self) -> list[str]:
        """Processes that carry this data folder in their environment."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if str(self.folder).encode() in entry.read_bytes():
                    found.append(entry.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def stop(self, number: int = signal.SIGINT) -> float:
        """Seconds until the supervisor was gone."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(40)
        return time.monotonic() - began


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[Stack]:
    stack = Stack(folder)
    try:
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.stop(signal.SIGTERM)


@pytest.mark.stack
def test_it_starts_stops_without_a_trace_and_keeps_its_data(tmp_path: Path) -> None:
    with _running(tmp_path) as first:
        components = first.wait_until_ready()["components"]
        assert components == {"database": "ok", "redis": "ok", "milvus": "ok"}
        token = first.token()
        first.call("/api/v1/collections/", {"name": "kept", "dimension": 4, "metric": "L2"}, token)
        rows = [{"id": str(number), "vector": [number, 0, 0, 0]} for number in range(20)]
        first.call("/api/v1/collections/kept/vectors/", {"vectors": rows}, token)
        assert first.stop() < 30
        assert first.process.returncode == 0
        assert first.left_over() == []

    with _running(tmp_path) as second:
        second.wait_until_ready()
        token = second.token()
        assert second.call("/api/v1/collections/kept/vectors/count/", {}, token) == {"count": 20}
        found = second.call("/api/v1/collections/kept/search/", {"vector": [7, 0, 0, 0], "top_k": 1}, token)
        assert found["results"][0]["id"] == "7"
        _serves_the_admin_and_the_documentation(second)

        second.process.kill()
        ends = time.monotonic() + 20
        while second.left_over():
            assert time.monotonic() < ends, second.left_over()
            time.sleep(0.2)


def _serves_the_admin_and_the_documentation(stack: Stack) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    swagger = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    for path in ("/admin/login/", "/api/docs/", "/static/unfold/css/styles.css", swagger):
        with opener.open(f"http://127.0.0.1:{stack.port}{path}", timeout=10) as answer:
            assert answer.status == 200, path


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"Port {port} .* set PORT"):
            check_port(load({"PORT": str(port)}))


def test_two_stacks_never_share_a_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("project.stack._LOCK_WAIT_S", 0.1)
    with take_lock(tmp_path), pytest.raises(StackError, match="VECTORSTORE_DATA_DIR"):
        take_lock(tmp_path)
    take_lock(tmp_path).close()


def test_redis_listens_here_only_and_asks_for_a_password(tmp_path: Path) -> None:
    port = free_port()
    configuration = redis_configuration(port, "secret", tmp_path)
    with subprocess.Popen(
        [redis_server(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        process.stdin.write(configuration)
        process.stdin.close()
        try:
            _assert_guarded(port)
        finally:
            process.terminate()


def _assert_guarded(port: int) -> None:
    ends = time.monotonic() + 10
    while True:
        try:
            assert redis.Redis(port=port, password="secret").ping()
            break
        except redis.ConnectionError:
            assert time.monotonic() < ends
            time.sleep(0.05)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=port).ping()
    assert redis.Redis(port=port, password="secret").config_get("bind") == {"bind": "127.0.0.1"}
