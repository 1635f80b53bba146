"""The address of who sent the request being served."""

from contextvars import ContextVar

current: ContextVar[str] = ContextVar("request_source", default="")
"""Empty outside a request."""
