"""An entry of the audit log, with what is known of every act: who, from where, in which request."""

from typing import Any

from vectorstore.access.actor import Actor
from vectorstore.audit.entry import Entry
from vectorstore.monitoring import request_id, request_source


def outcome_of(actor: Actor, action: str, **columns: Any) -> Entry:
    """The outcome of an act of ``actor``; ``columns`` say what is particular to it."""
    common = {
        "request_id": request_id.current.get(),
        "actor_kind": actor.kind,
        "actor_id": str(actor.id or ""),
        "actor": actor.name,
        "method": actor.method,
        "key_prefix": actor.key_prefix,
        "source": request_source.current.get(),
    }
    return Entry(phase="outcome", action=action, **common | columns)
