"""``MilvusAdapter``: everything the services need of one Milvus, by subject in the classes it joins."""

from pathlib import Path

from pymilvus.grpc_gen import milvus_pb2

from vectorstore.adapters.capabilities import Capabilities
from vectorstore.adapters.catalogue_calls import CatalogueCalls
from vectorstore.adapters.gate import Gate
from vectorstore.adapters.index_calls import IndexCalls
from vectorstore.adapters.retry_mechanism import CallKind
from vectorstore.adapters.rpc import Endpoint, Rpc
from vectorstore.adapters.scan_calls import ScanCalls
from vectorstore.adapters.write_calls import WriteCalls


class MilvusAdapter(CatalogueCalls, IndexCalls, WriteCalls, ScanCalls):
    """Thread-safe. Methods take the database first; all raise ``VectorStoreError`` subclasses.

    ``locks`` is the folder of the write locks that an engine with one writer per collection needs; ``threads`` how
    many of this process may call at once.
    """

    def __init__(self, endpoint: Endpoint, locks: Path, threads: int = 32) -> None:
        self.endpoint = endpoint
        self.locks = locks
        self.rpc = Rpc(endpoint, threads)

    def know(self, found: Capabilities) -> None:
        """From now on as an engine is spoken to that has those habits."""
        self.single_writer, self.insert_replaces = found.single_writer, found.insert_replaces
        self.reads_largest_int64, self.timestamps = found.reads_largest_int64, found.timestamps
        self.rpc.gate = Gate(self.locks, f"{self.endpoint.host}:{self.endpoint.port}") if found.single_writer else None

    def version(self, *, timeout: float | None = None) -> str:
        """The engine's own version string, such as ``v2.3.5-lite`` or ``milvus_lite-3.2.2``."""
        answer = self.rpc.call("GetVersion", milvus_pb2.GetVersionRequest(), CallKind.DESCRIBE, timeout=timeout)
        return str(answer.version)

    def close(self) -> None:
        self.rpc.close()
