"""Writers of the random histories: threads of this process, and a second process that does the same.

``python -m tests.support.history_hand DATABASE`` reads orders as lines of JSON and answers each with one.
"""

import json
import os
import random
import subprocess
import sys
import threading
from typing import Any

SHARED = [f"shared-{number}" for number in range(4)]


def row(key: str, hand: str, dice: random.Random) -> dict[str, Any]:
    return {
        "id": key,
        "vector": [dice.uniform(-1, 1) for _ in range(4)],
        "n": dice.randrange(10),
        "tag": dice.choice(["red", "blue", "ünï"]),
        "j": dice.choice([{"a": [1, None]}, {}, {"b": {"c": 2**53}}]),
        "hand": hand,
        **dice.choice([{}, {"more": {"deep": dice.random()}}, {"list": [1, 2]}]),
    }


def write(name: str, hand: str, seed: str, steps: int) -> None:
    """``steps`` random writes to the keys of ``hand`` and to those that all share."""
    from vectorstore.domain.requests import DeleteRequest
    from vectorstore.service import VectorService

    dice, service = random.Random(seed), VectorService()
    for step in range(steps):
        own = [f"{hand}-{number}" for number in range(8)]
        keys = dice.sample(own + SHARED, dice.randint(1, 4))
        what = dice.random()
        if what < 0.2:
            service.insert(name, [row(f"{hand}-{seed}-{step}-{n}", hand, dice) for n in range(dice.randint(1, 3))])
        elif what < 0.7:
            service.upsert(name, [row(key, hand, dice) for key in keys])
        elif what < 0.85:
            service.delete(name, DeleteRequest(ids=list(keys)))
        else:
            service.delete(name, DeleteRequest(filter=f"n == {dice.randrange(10)} and hand == '{hand}'"))


def burst(name: str, hands: list[str], seed: str, steps: int) -> list[str]:
    """All ``hands`` at once; returns what failed."""
    from django.db import connections

    failed: list[str] = []

    def work(hand: str) -> None:
        try:
            write(name, hand, f"{seed}-{hand}", steps)
        except Exception as error:
            failed.append(f"{hand}: {type(error).__name__}: {error}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(hand,)) for hand in hands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


class OtherProcess:
    """The second process; ``start`` a burst there, ``join`` it."""

    def __init__(self, database: str, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.history_hand", database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def start(self, *order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def join(self) -> list[str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the other process ended"
        found: list[str] = json.loads(line)
        return found

    def close(self) -> None:
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()
        self._process.kill()
        self._process.wait()


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is logged must not be taken for an answer
    from tests.support.audit_writer import start

    start(sys.argv[1])
    from django.conf import settings

    settings.JOURNAL_FLUSHER = True
    for line in sys.stdin:
        answers.write(json.dumps(burst(*json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
