"""Writers of the random histories: threads of this process, and a second process that does the same.

``python -m tests.support.history_hand DATABASE`` reads orders as lines of JSON and answers each with one.
"""

import json
import os
import random
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

SHARED = [f"shared-{number}" for number in range(4)]

Done = dict[str, Any]
"""What a hand has done: ``request`` is what the journal knows it by, ``what`` an act of ``Hand``, ``before`` and
``after`` the journal's last numbers when it began and when it was answered; with what the act itself reports."""


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


class Hand:
    """Writes at random to the keys of ``hand`` and to those that all share, and says what came of it."""

    def __init__(self, name: str, hand: str, seed: str) -> None:
        self._name, self._hand, self._seed = name, hand, seed
        self._dice = random.Random(seed)
        self._request = ""

    def work(self, steps: int) -> list[Done]:
        acts = (self.put, self.insert, self.ids, self.filter, self.partition, self.description, self.alias, self.clear)
        return [self._one(step, self._dice.choices(acts, (8, 3, 3, 3, 3, 1, 1, 1))[0]) for step in range(steps)]

    def _one(self, step: int, act: Any) -> Done:
        from vectorstore.domain.errors import NotFound
        from vectorstore.journal.sequence import position
        from vectorstore.monitoring import request_id

        self._request = f"{self._seed}-{step}"
        request_id.current.set(self._request)
        done: Done = {"request": self._request, "what": "refused", "before": position()[0]}
        with suppress(NotFound):  # another hand has dropped the partition
            done |= {"what": act.__name__, **act()}
        return {**done, "after": position()[0]}

    def put(self) -> Done:
        from vectorstore.service import VectorService

        rows, partition = [row(key, self._hand, self._dice) for key in self._keys()], self._partition()
        VectorService().upsert(self._name, rows, partition=partition)
        return {"rows": rows, "partition": partition or "_default"}

    def insert(self) -> Done:
        from vectorstore.service import VectorService

        keys = [f"{self._request}-{number}" for number in range(self._dice.randint(1, 3))]
        rows, partition = [row(key, self._hand, self._dice) for key in keys], self._partition()
        VectorService().insert(self._name, rows, partition=partition)
        return {"rows": rows, "partition": partition or "_default"}

    def ids(self) -> Done:
        from vectorstore.domain.requests import DeleteRequest
        from vectorstore.service import VectorService

        keys = self._keys()
        return {"keys": keys, "count": VectorService().delete(self._name, DeleteRequest(ids=list(keys)))}

    def filter(self) -> Done:
        from vectorstore.domain.requests import DeleteRequest
        from vectorstore.service import VectorService

        least = self._dice.randrange(10)
        request = DeleteRequest(filter=f"n >= {least} and hand == '{self._hand}'")
        return {"least": least, "hand": self._hand, "count": VectorService().delete(self._name, request)}

    def clear(self) -> Done:
        from vectorstore.service import CollectionService

        CollectionService().truncate(self._name)
        return {}

    def partition(self) -> Done:
        """Made, or another's dropped."""
        from vectorstore.service import PartitionService

        there = self._partition()
        if there is not None and self._dice.random() < 0.5:
            PartitionService().drop(self._name, there)
            return {"what": "partition_dropped", "partition": there}
        made = f"p_{self._request.replace('-', '_')}"
        PartitionService().create(self._name, made)
        return {"partition": made}

    def description(self) -> Done:
        from vectorstore.domain.requests import CollectionChanges
        from vectorstore.service import CollectionService

        CollectionService().update(self._name, CollectionChanges(description=self._request))
        return {"description": self._request}

    def alias(self) -> Done:
        from vectorstore.service import AliasService

        made = f"{self._name}_{self._request.replace('-', '_')}"
        AliasService().create(made, self._name)
        return {"alias": made}

    def _keys(self) -> list[str]:
        own = [f"{self._hand}-{number}" for number in range(4)]
        return self._dice.sample(own + SHARED, self._dice.randint(1, 4))

    def _partition(self) -> str | None:
        from vectorstore.service.catalogue import look_up
        from vectorstore.service.context import Scope

        there = sorted(look_up(Scope(), self._name)[0].partitions)
        chosen = self._dice.choice(there)
        return None if chosen == "_default" else chosen


def burst(name: str, hands: list[str], seed: str, steps: int) -> tuple[list[Done], list[str]]:
    """All ``hands`` at once; returns what they did, and what failed."""
    from django.db import connections

    done: list[Done] = []
    failed: list[str] = []

    def work(hand: str) -> None:
        try:
            done.extend(Hand(name, hand, f"{seed}-{hand}").work(steps))
        except Exception as error:
            failed.append(f"{hand}: {type(error).__name__}: {error}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(hand,)) for hand in hands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done, failed


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

    def join(self) -> tuple[list[Done], list[str]]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the other process ended"
        done, failed = json.loads(line)
        return done, failed

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
