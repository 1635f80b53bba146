"""Adapters of the engines that the tests started."""

from tests.support.engines import RunningEngine
from vectorstore.adapters.capabilities import Capabilities
from vectorstore.adapters.capability_probe import probe
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.rpc import Endpoint

_reached: dict[int, tuple[MilvusAdapter, Capabilities]] = {}


def reach(engine: RunningEngine) -> tuple[MilvusAdapter, Capabilities]:
    """The adapter of an engine and what its probe found, made once for each."""
    if engine.port not in _reached:
        adapter = MilvusAdapter(Endpoint("127.0.0.1", engine.port, engine.user, engine.password), engine.folder)
        found = probe(adapter)
        adapter.know(found)
        _reached[engine.port] = (adapter, found)
    return _reached[engine.port]
