"""``Entry``: one record before it has its place in the chain."""

import uuid
from dataclasses import dataclass
from dataclasses import field as made_by
from datetime import datetime
from typing import Any, Literal

from django.utils import timezone


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The columns of ``AuditRecord`` but those of the chain. Durations in ``result`` are whole microseconds, ``us``.

    What the chain cannot hold (floats, long texts, NUL) is made into what it can when the entry is written.
    """

    phase: Literal["intent", "outcome"]
    action: str
    event_id: str = made_by(default_factory=lambda: uuid.uuid4().hex)
    ts: datetime = made_by(default_factory=timezone.now)
    request_id: str = ""
    actor_kind: str = ""
    actor_id: str = ""
    actor: str = ""
    method: str = ""
    key_prefix: str = ""
    source: str = ""
    cluster: str = ""
    database: str = ""
    collection: str = ""
    ids: int | None = None
    allowed: bool = True
    grants: tuple[int, ...] = ()
    parameters: dict[str, Any] = made_by(default_factory=dict)
    outcome: str = ""
    result: dict[str, Any] = made_by(default_factory=dict)
