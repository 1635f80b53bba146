"""Reading what comes next while what was read before is being used."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from django.db import connections

Item = TypeVar("Item")
_LOOK_S = 0.5


def read_ahead(items: Iterator[Item], check: Callable[[], None]) -> Iterator[Item]:
    """The same items in the same order; a thread makes the next one meanwhile, so that two are held at most.

    While one is waited for ``check`` is called twice a second; what it raises ends the reading here at once, and in the
    thread after the item that it is making. What making one raises is raised here, in its place. The thread's
    connections to the database end with it.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
    upcoming: Future[Item | None] | None = None
    try:
        upcoming = pool.submit(next, items, None)
        while (item := _made(upcoming, check)) is not None:
            upcoming = pool.submit(next, items, None)
            yield item
    finally:
        pool.submit(connections.close_all)
        pool.shutdown(wait=upcoming is None or upcoming.done())


def _made(upcoming: Future[Item], check: Callable[[], None]) -> Item:
    while True:
        check()
        with suppress(TimeoutError):
            return upcoming.result(_LOOK_S)
        if upcoming.done():
            return upcoming.result()
