"""A gRPC server that answers as Milvus would in faults that no real engine can be made to show on demand."""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc

Script = list[Callable[[grpc.ServicerContext], Any] | Any]


class FaultyMilvus(milvus_pb2_grpc.MilvusServiceServicer):
    """Plays ``script``: one entry for each call, the last one for ever. ``calls`` lists the RPCs received."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.calls: list[str] = []

    def _next(self, name: str, context: grpc.ServicerContext) -> Any:
        self.calls.append(name)
        step = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        return step(context) if callable(step) else step

    def GetVersion(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._next("GetVersion", context)

    def Insert(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._next("Insert", context)

    def Upsert(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._next("Upsert", context)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._next("Delete", context)


def unavailable(context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset, host 10.1.2.3")


def slow(seconds: float) -> Callable[[grpc.ServicerContext], Any]:
    def wait(context: grpc.ServicerContext) -> Any:
        time.sleep(seconds)
        return milvus_pb2.GetVersionResponse(version="late")

    return wait


def status(code: int, reason: str, *, retriable: bool = False) -> common_pb2.Status:
    return common_pb2.Status(code=code, error_code=1, reason=reason, retriable=retriable)


def version(text: str = "v2.6.0") -> Any:
    return milvus_pb2.GetVersionResponse(version=text)


@contextlib.contextmanager
def serving(script: Script, tls: grpc.ServerCredentials | None = None) -> Iterator[tuple[FaultyMilvus, int]]:
    """The servicer and its port on loopback."""
    servicer = FaultyMilvus(script)
    server = grpc.server(futures.ThreadPoolExecutor(4))
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(servicer, server)
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, tls) if tls else server.add_insecure_port(address)
    server.start()
    try:
        yield servicer, port
    finally:
        server.stop(0).wait()
