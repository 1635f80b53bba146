"""A ``Work`` with its ledger in memory, which can be made to stop at any check."""

from typing import Any

from vectorstore.service.work import Interrupted, Stopped


class LedgerWork:
    """``stop_at``: the check that raises ``stop``; None for none. The ledger outlives a stopped run."""

    def __init__(self, ledger: dict[str, dict[str, Any]] | None = None, stop_at: int | None = None) -> None:
        self.ledger = ledger if ledger is not None else {}
        self.stop_at = stop_at
        self.stop: type[Stopped] = Interrupted
        self.checks = 0
        self.stages: list[str] = []
        self.lines: list[str] = []
        self.reported: list[tuple[int, int | None, str]] = []

    def check(self) -> None:
        self.checks += 1
        if self.checks == self.stop_at:
            raise self.stop

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        self.reported.append((done, total, unit))

    def say(self, line: str) -> None:
        self.lines.append(line)

    def finished(self, key: str) -> dict[str, Any] | None:
        return self.ledger.get(key)

    def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
        self.ledger[key] = note or {}
