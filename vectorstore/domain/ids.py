"""Ids that the gateway mints, so that a repeated insert is never a duplicate.

Both kinds sort by the time they were made, which keeps primary-key ranges contiguous.
"""

import itertools
import os
import secrets
import threading
import time
import uuid

_EPOCH_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z: 41 bits of milliseconds last until 2094
_NODE_BITS = 10
_SEQUENCE_BITS = 12


class IdMint:
    """Thread-safe maker of sortable 64-bit integers and UUIDv7 strings.

    Integers are milliseconds (41 bits), a random number of the process (10 bits) and a sequence (12 bits),
    always positive and increasing within the process. UUIDs follow RFC 9562, section 5.7.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._node = secrets.randbits(_NODE_BITS)
        self._pid = os.getpid()
        self._last = 0

    def integers(self, count: int) -> list[int]:
        """``count`` new ids, increasing."""
        with self._lock:
            if self._pid != os.getpid():  # a forked child must not repeat its parent's ids
                self._pid, self._node = os.getpid(), secrets.randbits(_NODE_BITS)
            now = (time.time_ns() // 1_000_000 - _EPOCH_MS) << _SEQUENCE_BITS
            first = max(now, self._last + 1)
            self._last = first + count - 1
        return [
            (tick >> _SEQUENCE_BITS) << (_NODE_BITS + _SEQUENCE_BITS)
            | self._node << _SEQUENCE_BITS
            | tick & ((1 << _SEQUENCE_BITS) - 1)
            for tick in itertools.islice(itertools.count(first), count)
        ]

    def uuids(self, count: int) -> list[str]:
        """``count`` new UUIDv7 strings of 36 characters."""
        made = []
        for _ in range(count):
            milliseconds = time.time_ns() // 1_000_000
            value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
            made.append(str(uuid.UUID(int=value)))
        return made


mint = IdMint()
