"""``Work``: what a long piece of work is given by whoever runs it, so that it can be watched, stopped and resumed."""

from typing import Any, Protocol


class Stopped(Exception):
    """Not a failure: the work has to end now, and leaves nothing half done that it cannot go on with."""


class Cancelled(Stopped):
    """Somebody cancelled it: what it has made is taken back."""


class Interrupted(Stopped):
    """The worker ends, or another one has the job now: it goes on elsewhere, from the last finished chunk."""


class Work(Protocol):
    """A chunk is at most five minutes of work that may be done twice without harm; its key names it in the ledger."""

    def check(self) -> None:
        """To be called at least each second.

        Raises:
            Cancelled, Interrupted: the work must end.
        """

    def stage(self, name: str) -> None:
        """What it is doing now, in a word or two: ``copying``, ``verifying``."""

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        """How far it is; ``total`` may be unknown. Cheap: written at most twice a second."""

    def say(self, line: str) -> None:
        """A line for the log that people read."""

    def finished(self, key: str) -> dict[str, Any] | None:
        """The note of a chunk that is finished already, by this or a former run; None where it is not."""

    def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
        """Record a chunk as finished, durably, if the job is still this run's.

        Raises:
            Interrupted: another worker has the job.
        """


class Part:
    """One of several like pieces of a work: its chunks are its own."""

    def __init__(self, work: Work, name: str) -> None:
        self._work, self._name = work, name
        self.check, self.stage, self.progress, self.say = work.check, work.stage, work.progress, work.say

    def finished(self, key: str) -> dict[str, Any] | None:
        return self._work.finished(f"{self._name}/{key}")

    def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
        self._work.finish(f"{self._name}/{key}", note)
