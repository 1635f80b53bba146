"""The asynchronous face: thin twins of synchronous methods, as Django's ``aget`` is of ``get``.

The work runs on threads of a pool of its own, so a twin may be awaited from any event loop and many at once;
database connections that a thread opened are given back when its call ends.
"""

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

_THREADS = 16
_pool: ThreadPoolExecutor | None = None


def async_twin(
    method: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[S, P], Awaitable[R]]:
    """An asynchronous method that does what ``method`` does."""

    @functools.wraps(method)
    async def twin(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        context = contextvars.copy_context()
        call = functools.partial(context.run, _with_connections, method, self, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(_executor(), call)

    return twin


def _executor() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="vectorstore-async")
    return _pool


def _with_connections(method: Callable[..., R], /, *args: object, **kwargs: object) -> R:
    close_old_connections()
    try:
        return method(*args, **kwargs)
    finally:
        connections.close_all()
