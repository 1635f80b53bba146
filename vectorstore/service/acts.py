"""An entry of the audit log, with what is known of every act: who, from where, in which request."""

from typing import Any

from vectorstore.access.actor import Actor
from vectorstore.audit.entry import Entry
from vectorstore.monitoring import request_id, request_source


def entry_of(actor: Actor, action: str, **columns: Any) -> Entry:
    """An act of ``actor``, by default its outcome; ``columns`` say what is particular to it."""
    common = {
        "phase": "outcome",
        "request_id": request_id.current.get(),
        "actor_kind": actor.kind,
        "actor_id": str(actor.id or ""),
        "actor": actor.name,
        "method": actor.method,
        "key_prefix": actor.key_prefix,
        "source": request_source.current.get(),
    }
    return Entry(action=action, **common | columns)
