"""Connections are shared by equal endpoints only, and never with a forked child."""

import dataclasses
import os
from pathlib import Path

from vectorstore.adapters.connection_pool import ConnectionPool, pool
from vectorstore.adapters.rpc import Endpoint

PLAIN = Endpoint("127.0.0.1", 1)


def test_equal_endpoints_share_an_adapter_and_any_difference_parts_them(tmp_path: Path) -> None:
    mine = ConnectionPool()
    first = mine.get(PLAIN, tmp_path)
    assert mine.get(Endpoint("127.0.0.1", 1), tmp_path) is first
    for change in ({"user": "u"}, {"password": "p"}, {"port": 2}, {"tls": True}, {"host": "localhost"}):
        assert mine.get(dataclasses.replace(PLAIN, **change), tmp_path) is not first
    mine.close()
    assert mine.get(PLAIN, tmp_path) is not first


def test_a_forked_child_starts_with_an_empty_pool(tmp_path: Path) -> None:
    before = pool.get(PLAIN, tmp_path)
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.get(PLAIN, tmp_path) is not before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.get(PLAIN, tmp_path) is before


def test_an_endpoint_shows_no_password() -> None:
    assert "secret" not in repr(Endpoint("h", 1, user="u", password="secret"))
