"""The id of the request being served, for every log line and record written while it is served."""

import re
import uuid
from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_id", default="")
"""Empty outside a request."""

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def accept(offered: str | None) -> str:
    """The caller's id where it is sane, else a new one: an id lands in logs and headers unescaped."""
    if offered and _SANE.fullmatch(offered):
        return offered
    return uuid.uuid4().hex
