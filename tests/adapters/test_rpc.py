"""The connection to Milvus over a network that is slow."""

from pathlib import Path

import pytest

from tests.support.engines import RunningEngine
from tests.support.proxy import proxy_to
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.rpc import Endpoint


@pytest.mark.parametrize("seconds", [0.0, 0.6])
def test_a_connection_may_take_its_time(engine: RunningEngine, tmp_path: Path, seconds: float) -> None:
    with proxy_to(engine.port) as network:
        network.delay = seconds
        adapter = MilvusAdapter(Endpoint("127.0.0.1", network.port, engine.user, engine.password), tmp_path)
        try:
            assert adapter.version()
        finally:
            adapter.close()
