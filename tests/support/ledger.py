"""A ``Work`` of the tests' own: a ledger in memory, that can be stopped at any of its checks or records."""

from collections.abc import Callable
from typing import Any

from vectorstore.service.work import Interrupted


class Ledger:
    """Keeps finished chunks over several runs. ``resume`` begins the next one; with ``steps`` it is interrupted at
    that many checks and records, each before it counts."""

    def __init__(self, steps: int | None = None) -> None:
        self.chunks: dict[str, dict[str, Any]] = {}
        self.lines: list[str] = []
        self.told: tuple[int, int | None, str] = (0, None, "")
        self.steps = steps

    def resume(self, steps: int | None = None) -> None:
        self.steps = steps

    def check(self) -> None:
        self._step()

    def stage(self, name: str) -> None:
        pass

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        self.told = (done, total, unit)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def finished(self, key: str) -> dict[str, Any] | None:
        return self.chunks.get(key)

    def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
        self._step()
        assert key not in self.chunks, f"the chunk {key} was finished twice"
        self.chunks[key] = note or {}

    def _step(self) -> None:
        if self.steps is not None:
            self.steps -= 1
            if self.steps < 0:
                raise Interrupted


class Meanwhile(Ledger):
    """Does something once a chunk is on record: what others do while the work goes on."""

    def __init__(self, key: str, act: Callable[[], Any]) -> None:
        super().__init__()
        self._key, self._act = key, act

    def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
        super().finish(key, note)
        if key == self._key:
            self._act()
