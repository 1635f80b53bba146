"""One search or read: timed while it goes on, and kept when it has ended if it is worth it."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils import timezone

from vectorstore.config.settings import current
from vectorstore.models import SearchProfile
from vectorstore.monitoring import profile_writer, request_id
from vectorstore.monitoring.stages import Stages

SLOW, ASKED, SAMPLE = "slow", "asked", "sample"


@dataclass(frozen=True, slots=True)
class Description:
    """What is said of a profile: no vector, no literal of a filter and no id of a row is in it.

    ``shape`` is what like requests have in common, ``request`` this one with ``?`` for its values, ``plan`` how it was
    to be answered.
    """

    cluster: str
    database: str
    collection: str
    actor: str
    shape: dict[str, Any]
    request: dict[str, Any]
    plan: dict[str, Any]


class Profile(Stages):
    """``describe`` is called only where somebody wants to know; without it nothing is kept.

    ``batch`` is how many requests shared the call of Milvus, ``attempts`` how often it was made.
    """

    __slots__ = ("asked", "attempts", "batch", "describe", "kind", "outcome", "rows")

    def __init__(self, began: float | None = None) -> None:
        super().__init__(began)
        self.kind = ""
        self.asked = False
        self.batch = 1
        self.attempts = 0
        self.rows: int | None = None
        self.outcome = "ok"
        self.describe: Callable[[], Description] | None = None

    def milvus(self, *, attempts: int, decode_s: float, batch: int = 1, waited_s: float | None = None) -> None:
        """The stage ``milvus`` ends, with the waiting and the decoding that were within it."""
        self.end("milvus")
        if waited_s is not None:
            self.move(waited_s, "milvus", "queue")
        self.move(decode_s, "milvus", "decode")
        self.attempts, self.batch = attempts, batch

    @property
    def took_ms(self) -> float:
        return round(self.total_ms, 3)

    def told(self) -> dict[str, Any]:
        """What the caller gets who asked for it."""
        plan = self.describe().plan if self.describe else {}
        return {
            "stages": self.rounded(),
            "batch": self.batch,
            "attempts": self.attempts,
            "rows": self.rows,
            **plan,
        }

    def finish(self) -> None:
        """Nothing more is to be timed: it is kept where it was slow, was asked for, or is drawn by chance."""
        if self.describe is None:
            return
        settings = current()
        if self.total_ms >= settings.slow_ms:
            kept_for = SLOW
        elif self.asked:
            kept_for = ASKED
        elif random.random() < settings.profile_share:
            kept_for = SAMPLE
        else:
            return
        profile_writer.keep(self._row(self.describe(), kept_for))

    def _row(self, said: Description, kept_for: str) -> SearchProfile:
        return SearchProfile(
            at=timezone.now(),
            kept_for=kept_for,
            kind=self.kind,
            request_id=request_id.current.get(),
            actor=said.actor[:150],
            cluster=said.cluster,
            database=said.database,
            collection=said.collection,
            shape_hash=_digest(said.shape),
            shape=said.shape,
            took_ms=self.took_ms,
            stages=self.rounded(),
            batch=self.batch,
            attempts=self.attempts,
            rows=self.rows,
            outcome=self.outcome,
            request=said.request,
            plan=_without_bounds(said.plan),
        )


def _digest(shape: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(shape, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _without_bounds(plan: dict[str, Any]) -> dict[str, Any]:
    """A radius is a value of the caller's; parameters of the index are not."""
    return {**plan, "params": {k: v for k, v in plan.get("params", {}).items() if k not in ("radius", "range_filter")}}
