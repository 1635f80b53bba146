"""Ends the stack's processes if the supervisor dies without doing it (``kill -9``, out of memory).

It reads ``+<process group>`` and ``-<process group>`` lines from the supervisor. At the end of input it ends every
group that is left. It sits in a session of its own, so that what ends the supervisor does not end it too, and
it holds the lock of the data folder until everything is gone.
"""

import os
import signal
import sys
import time
from contextlib import suppress

_PATIENCE_S = 10.0


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, None] = {}
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups[group] = None
        else:
            groups.pop(group, None)
    for group in reversed(groups):
        _signal(group, signal.SIGTERM)
    ends = time.monotonic() + _PATIENCE_S
    while time.monotonic() < ends and any(_signal(group, 0) for group in groups):
        time.sleep(0.1)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    main()
