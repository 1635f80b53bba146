"""Reading what comes next while what was read before is being used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items in the same order; a thread makes the next one meanwhile, so that two are held at most.

    What making them raises is raised here, in its place. The thread's connections to the database end with it.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        try:
            upcoming = pool.submit(next, items, None)
            while (item := upcoming.result()) is not None:
                upcoming = pool.submit(next, items, None)
                yield item
        finally:
            pool.submit(connections.close_all)
