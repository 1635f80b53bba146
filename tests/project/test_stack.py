"""The whole stack as ``make run`` starts it, without the demo."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import redis

from project.processes import StackError
from project.stack import (
    cache_configuration,
    check_certificate,
    check_ports,
    free_port,
    redis_configuration,
    redis_server,
    take_lock,
)
from tests.support.certificates import Authority
from tests.support.stack import RunningStack, running_stack
from vectorstore.config.settings import load

_SMALL = {"VECTORSTORE_WEB_WORKERS": "1", "VECTORSTORE_TASK_WORKERS": "1"}


@pytest.mark.stack
def test_it_starts_stops_without_a_trace_and_keeps_its_data(tmp_path: Path) -> None:
    with running_stack(tmp_path, **_SMALL) as first:
        components = first.wait_until_ready()["components"]
        assert components == {"database": "ok", "audit": "ok", "redis": "ok", "milvus": "ok"}
        token = first.token()
        first.call("/api/v1/collections/", {"name": "kept", "dimension": 4, "metric": "L2"}, token)
        rows = [{"id": str(number), "vector": [number, 0, 0, 0]} for number in range(20)]
        first.call("/api/v1/collections/kept/vectors/", {"vectors": rows}, token)
        assert first.stop() < 30
        assert first.process.returncode == 0
        assert first.left_over() == []

    with running_stack(tmp_path, **_SMALL) as second:
        second.wait_until_ready()
        token = second.token()
        assert second.call("/api/v1/collections/kept/vectors/count/", {}, token) == {"count": 20}
        found = second.call("/api/v1/collections/kept/search/", {"vector": [7, 0, 0, 0], "top_k": 1}, token)
        assert found["results"][0]["id"] == "7"
        _answers_from_the_cache(second, token)
        _serves_the_admin_and_the_documentation(second)

        second.process.kill()
        ends = time.monotonic() + 20
        while second.left_over():
            assert time.monotonic() < ends, second.left_over()
            time.sleep(0.2)


def _answers_from_the_cache(stack: RunningStack, token: str) -> None:
    """Not at once: for some seconds after its start Redis may have lost what was written before."""
    ends = time.monotonic() + 60
    while stack.call("/api/v1/collections/kept/search/", {"vector": [7, 0, 0, 0]}, token)["cache"] != "hit":
        assert time.monotonic() < ends
        time.sleep(0.5)


def _serves_the_admin_and_the_documentation(stack: RunningStack) -> None:
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
            check_ports(load({"PORT": str(port)}))


def test_two_stacks_never_share_a_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("project.stack._LOCK_WAIT_S", 0.1)
    with take_lock(tmp_path), pytest.raises(StackError, match="VECTORSTORE_DATA_DIR"):
        take_lock(tmp_path)
    take_lock(tmp_path).close()


@pytest.mark.parametrize(
    ("made", "policy"),
    [
        (redis_configuration, {"maxmemory": str(256 << 20), "maxmemory-policy": "volatile-lru"}),
        (partial(cache_configuration, megabytes=17), {"maxmemory": str(17 << 20), "maxmemory-policy": "allkeys-lru"}),
    ],
    ids=["state", "cache"],
)
def test_redis_listens_here_only_and_asks_for_a_password(
    tmp_path: Path, made: Callable[[int, str, Path], str], policy: dict[str, str]
) -> None:
    port = free_port()
    with subprocess.Popen(
        [redis_server(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        process.stdin.write(made(port, "secret", tmp_path))
        process.stdin.close()
        try:
            _assert_guarded(port)
            assert redis.Redis(port=port, password="secret").config_get("maxmemory*").items() >= policy.items()
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


def test_http_and_https_need_two_ports(tmp_path: Path) -> None:
    pair = Authority(tmp_path).server()
    files = {"VECTORSTORE_TLS_CERTIFICATE": str(pair.certificate), "VECTORSTORE_TLS_KEY": str(pair.key)}
    port = str(free_port())
    with pytest.raises(StackError, match="VECTORSTORE_HTTP_PORT should be another port"):
        check_ports(load({**files, "PORT": port, "VECTORSTORE_HTTP_PORT": port}))


def test_a_certificate_is_tried_before_it_is_served(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first, second = authority.server(), authority.server()

    def check(certificate: Path, key: Path) -> None:
        files = {"VECTORSTORE_TLS_CERTIFICATE": str(certificate), "VECTORSTORE_TLS_KEY": str(key)}
        check_certificate(load(files))

    check(first.certificate, first.key)
    with pytest.raises(StackError, match="belong together"):
        check(first.certificate, second.key)
    with pytest.raises(StackError, match="belong together"):
        check(first.key, first.key)
    with pytest.raises(StackError, match=r"PKCS#8: openssl pkcs8"):
        check(first.certificate, first.certificate)
