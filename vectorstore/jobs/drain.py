"""Whether this worker is to end: its jobs then stop at their next check and go back to the queue.

Celery tells only the parent of its processes. One byte of memory, mapped before they are forked, is shared by all: it
can be written from a signal handler, and is gone with the last of them.
"""

import mmap

_flag = mmap.mmap(-1, 1)


def begin() -> None:
    """The worker takes no more work."""
    _flag[0] = 1


def end() -> None:
    """It takes work again."""
    _flag[0] = 0


def draining() -> bool:
    return _flag[0] == 1
