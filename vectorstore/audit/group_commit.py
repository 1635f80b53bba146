"""One transaction for whatever the threads of a process want to record at the same time."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from vectorstore.audit.failures import unavailable

Rows = Sequence[dict[str, Any]]


class _Ticket:
    __slots__ = ("done", "failed", "rows")

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.done = False
        self.failed = False


class GroupCommit:
    """Whoever comes first writes at once; those who come meanwhile wait, and the next writes for all of them."""

    def __init__(self, write: Callable[[Rows], None]) -> None:
        self._write = write
        self._tickets: list[_Ticket] = []
        self._queueing = threading.Lock()
        self._writing = threading.Lock()

    def write(self, rows: Rows) -> None:
        """Returns when the rows are committed.

        Raises:
            AuditUnavailable: they were not written.
        """
        mine = _Ticket(rows)
        with self._queueing:
            self._tickets.append(mine)
        with self._writing:
            if not mine.done:
                self._write_for_all()
        if mine.failed:
            raise unavailable()

    def _write_for_all(self) -> None:
        with self._queueing:
            tickets, self._tickets = self._tickets, []
        failed = True
        try:
            self._write([row for ticket in tickets for row in ticket.rows])
            failed = False
        finally:
            for ticket in tickets:
                ticket.done, ticket.failed = True, failed
