"""Load: many clients that search for some seconds, in a process that does nothing else."""

import asyncio
import multiprocessing
import re
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import orjson

from benchmarks.data import SEARCH_PARAMS, TOP_K, Address, vectors

_WARM_UP_S = 0.5
_PATIENCE_S = 60.0
_QUERIES = 2_000
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(slots=True)
class Tally:
    """The seconds that each answer took, of those that came after the warm-up and before the end.

    The end waits for the first answer: a rate of nothing can be compared with nothing.
    """

    seconds: float
    began: float = field(init=False)
    ended: float = field(init=False)
    taken: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = time.perf_counter() + _WARM_UP_S
        self.ended = self.began + self.seconds

    def add(self, asked: float) -> bool:
        """Whether to go on."""
        now = time.perf_counter()
        if now >= self.began and not self.taken:
            self.ended = max(self.ended, now)
        if self.began <= now <= self.ended:
            self.taken.append(now - asked)
        return now < self.ended or not self.taken

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.taken) / (self.ended - self.began)

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.taken) * 1000 if self.taken else float("nan")


@dataclass(frozen=True, slots=True)
class HttpSearches:
    """Single searches over HTTP, one at a time on each of ``clients`` connections that stay open.

    ``body`` is what is sent beside the vector, which goes under the name of ``vector``: one of ``queries``, in turn. An
    answer without ``expected`` in it ends the run: Milvus's own endpoint answers 200 to what it refuses.
    """

    port: int
    path: str
    body: dict[str, Any]
    expected: bytes
    clients: int
    queries: int = _QUERIES

    def __call__(self, seconds: float, token: str) -> Tally:
        queries = vectors(self.queries, seed=2).tolist()
        requests = [self._request({**self.body, "vector": [round(x, 6) for x in query]}, token) for query in queries]
        return asyncio.run(self._run(requests, Tally(seconds)))

    def _request(self, body: dict[str, Any], token: str) -> bytes:
        raw = orjson.dumps(body)
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        return head.encode() + raw

    async def _run(self, requests: list[bytes], tally: Tally) -> Tally:
        loop = asyncio.get_running_loop()
        clients = []
        for number in range(self.clients):
            first = number * len(requests) // self.clients
            made = partial(_HttpClient, requests, first, self.expected, tally)
            _, client = await loop.create_connection(made, "127.0.0.1", self.port)
            clients.append(client.done)
        await asyncio.wait_for(asyncio.gather(*clients), tally.seconds + _PATIENCE_S)
        return tally


class _HttpClient(asyncio.Protocol):
    """One connection. It reads no more of an answer than its length, because the machine is shared with the servers."""

    def __init__(self, requests: list[bytes], first: int, expected: bytes, tally: Tally) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests, self._next, self._expected, self._tally = requests, first, expected, tally
        self._received = b""
        self._asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._received = b""
        self._asked = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])  # type: ignore[attr-defined]
        self._next += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not end or (len(body) < int(length[1]) if length else not body.endswith(b"0\r\n\r\n")):
            return
        if self._expected not in body:
            self._end(RuntimeError(f"Not the answer of a search: {self._received[:500]!r}"))
        elif self._tally.add(self._asked):
            self._ask()
        else:
            self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or RuntimeError("The server closed the connection."))

    def _end(self, error: Exception | None = None) -> None:
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)
        self._transport.close()


@dataclass(frozen=True, slots=True)
class PymilvusSearches:
    """The same searches with pymilvus, ``clients`` threads on one connection; ``consistency`` if not the default."""

    address: Address
    collection: str
    clients: int
    consistency: str | None = None

    def __call__(self, seconds: float, token: str) -> Tally:
        client = self.address.client()
        queries = vectors(_QUERIES, seed=2)
        tally = Tally(seconds)
        failures: list[Exception] = []
        starts = [number * _QUERIES // self.clients for number in range(self.clients)]
        threads = [
            threading.Thread(target=self._search, args=(client, np.roll(queries, -start, 0), tally, failures))
            for start in starts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
        if failures:
            raise failures[0]
        return tally

    def _search(self, client: Any, queries: Any, tally: Tally, failures: list[Exception]) -> None:
        options: dict[str, Any] = {
            "limit": TOP_K,
            "search_params": {"params": SEARCH_PARAMS},
            "timeout": _PATIENCE_S,
        }
        if self.consistency is not None:
            options["consistency_level"] = self.consistency
        try:
            for number in range(1_000_000_000):
                asked = time.perf_counter()
                query = [queries[number % _QUERIES]]
                found = client.search(self.collection, query, **options)
                if len(found[0]) != TOP_K:
                    raise RuntimeError(f"pymilvus found {len(found[0])} rows.")
                if not tally.add(asked):
                    return
        except Exception as error:
            failures.append(error)


Searches = Callable[[float, str], Tally]


class LoadProcess:
    """One side's searches in a process of its own, for as many rounds as are asked for."""

    def __init__(self, searches: Searches) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, searches), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, seconds: float, token: str = "") -> Tally:
        self._pipe.send((seconds, token))
        if not self._pipe.poll(seconds + 2 * _PATIENCE_S):
            raise RuntimeError("The load process does not answer.")
        answer = self._pipe.recv()
        if isinstance(answer, Tally):
            return answer
        raise RuntimeError(answer)

    def close(self) -> None:
        self._pipe.close()  # it ends by itself then
        self._process.join(10)
        self._process.kill()


def _serve(pipe: Connection, searches: Searches) -> None:
    while True:
        try:
            seconds, token = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            pipe.send(searches(seconds, token))
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")
