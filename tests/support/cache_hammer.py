"""A process that writes and searches at once, and looks whether any answer is older than a write that had ended.

``python -m tests.support.cache_hammer DATABASE COLLECTION BOARD OWN CHECKS SEED``

``BOARD`` is a file of one 64-bit number for each writer, of all processes: what it has written and was told is done.
This process is the writer ``OWN``. A reader notes the board, searches, and compares; ``CHECKS`` times, or until a last
number of the board is not 0. Prints ``ready``, waits for a line, and prints one line of JSON in the end.
"""

import json
import mmap
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from tests.support.audit_writer import start

READERS = 4
DIMENSION = 8
_QUERIES = 2


class Board:
    def __init__(self, path: str) -> None:
        with Path(path).open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")

    def all(self) -> list[int]:
        return list(self._numbers[:-1])

    @property
    def ended(self) -> bool:
        return bool(self._numbers[-1])

    def done(self, writer: int, number: int) -> None:
        self._numbers[writer] = number


class Hammer:
    def __init__(self, collection: str, board: Board, own: int, checks: int, seed: int) -> None:
        self.collection, self.board, self.own = collection, board, own
        self.left = checks
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.tally: Counter[str] = Counter()
        self.stale: list[str] = []
        self.errors: list[str] = []

    def write(self) -> None:
        from vectorstore.domain.errors import VectorStoreError
        from vectorstore.service import VectorService

        number = 0
        while not self.ended.is_set():
            number += 1
            row = {"id": f"w{self.own}", "vector": [float(self.own)] * DIMENSION, "n": number}
            try:
                VectorService().upsert(self.collection, [row])
            except VectorStoreError as error:
                self.errors.append(error.code)
                continue
            self.board.done(self.own, number)
            self.tally["write"] += 1
            self.ended.wait(self.random.choice((0.0, 0.01, 0.1, 0.3)))

    def read(self) -> None:
        from vectorstore.domain.requests import SearchRequest
        from vectorstore.service import SearchService

        while True:
            with self.lock:
                if self.left <= 0 or self.board.ended:
                    return
                self.left -= 1
                query = self.random.randrange(_QUERIES)
            request = SearchRequest(vector=[float(query)] * DIMENSION, top_k=10, output_fields=["n"])
            floor = self.board.all()
            answer = SearchService().search(self.collection, request)
            found = {hit.id: hit.fields["n"] for hit in answer.results}
            for writer, number in enumerate(floor):
                if found.get(f"w{writer}", 0) < number:
                    self.stale.append(f"{answer.cache}: w{writer} is {found.get(f'w{writer}')}, was {number}")
            with self.lock:
                self.tally[answer.cache] += 1

    def run(self) -> None:
        writer = threading.Thread(target=_with_errors, args=(self, self.write))
        readers = [threading.Thread(target=_with_errors, args=(self, self.read)) for _ in range(READERS)]
        for thread in (writer, *readers):
            thread.start()
        for thread in readers:
            thread.join()
        self.ended.set()
        writer.join()


def _with_errors(hammer: Hammer, work: "object") -> None:
    from django.db import connection

    try:
        work()  # type: ignore[operator]
    except Exception as error:
        hammer.errors.append(repr(error))
    finally:
        connection.close()


def main(database: str, collection: str, board: str, own: int, checks: int, seed: int) -> None:
    start(database)
    hammer = Hammer(collection, Board(board), own, checks, seed)
    from vectorstore.service.catalogue import look_up
    from vectorstore.service.context import Scope

    look_up(Scope(), collection)
    print("ready", flush=True)
    sys.stdin.readline()  # all begin together
    began = time.monotonic()
    hammer.run()
    report = {"stale": hammer.stale, "errors": hammer.errors, "seconds": time.monotonic() - began, **hammer.tally}
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:]))
