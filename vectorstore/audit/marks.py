"""The checkpoints in the database and those outside, side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from typing import NoReturn

from vectorstore.audit.chain import FIRST
from vectorstore.audit.signature import Keyring, Mark
from vectorstore.audit.verdict import Broken, Kind
from vectorstore.models import AuditCheckpoint

_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Pair:
    """The marks of one ``seq``: of the database, and of the file outside. At least one is there."""

    seq: int
    inside: Mark | None
    outside: Mark | None

    def check_alone(self, keys: Keyring) -> None:
        """Where its record is not here; raises Broken."""
        self._check_signatures(keys)
        if self.inside is not None and self.outside is not None and self.inside.hash != self.outside.hash:
            self._differs_outside()

    def check(self, hash_: str, keys: Keyring) -> None:
        """Against the hash of its record; raises Broken."""
        self._check_signatures(keys)
        if self.outside is not None and self.outside.hash != hash_:
            self._differs_outside()
        if self.inside is None:
            raise Broken(Kind.CHECKPOINT, self.seq, f"checkpoint {self.seq} is outside the database and not in it")
        if self.inside.hash != hash_:
            raise Broken(Kind.CHECKPOINT, self.seq, f"checkpoint {self.seq} is of another record {self.seq}")

    def _check_signatures(self, keys: Keyring) -> None:
        if self.inside is not None and not keys.verifies(self.inside):
            self._is_not_ours("in the database")
        if self.outside is not None and self.outside != self.inside and not keys.verifies(self.outside):
            self._is_not_ours("outside the database")

    def _is_not_ours(self, where: str) -> NoReturn:
        raise Broken(Kind.CHECKPOINT, self.seq, f"the signature of checkpoint {self.seq} {where} is not ours")

    def _differs_outside(self) -> NoReturn:
        detail = f"the records up to {self.seq} are not those that were signed: the checkpoint outside differs"
        raise Broken(Kind.ALTERED, self.seq, detail)


def pairs(outside: Iterator[Mark], until: int) -> Iterator[Pair]:
    """By ``seq``: those of the database up to ``until``, and all of ``outside``.

    Raises:
        Broken: a line outside is no checkpoint.
    """
    inside = ((mark.seq, 0, mark) for mark in _inside(until))
    beside = ((mark.seq, 1, mark) for mark in outside)
    ordered = merge(inside, beside, key=lambda item: item[:2])
    last = 0
    try:
        for seq, group in groupby(ordered, key=lambda item: item[0]):
            found = {place: mark for _, place, mark in group}
            yield Pair(seq, found.get(0), found.get(1))
            last = seq
    except ValueError as error:
        raise Broken(Kind.CHECKPOINT, last, f"outside the database {error}") from None


def _inside(until: int) -> Iterator[Mark]:
    after: int | None = None
    while True:
        wanted = AuditCheckpoint.objects.filter(seq__lte=until).order_by("seq")
        found = list(wanted[:_CHUNK] if after is None else wanted.filter(seq__gt=after)[:_CHUNK])
        if not found:
            return
        yield from map(Mark.of, found)
        after = found[-1].seq


def anchor() -> tuple[int, str]:
    """Where the chain in the database begins: ``seq`` and hash of the last record that was moved to an archive."""
    archived = AuditCheckpoint.objects.exclude(archive="").order_by("-seq").values_list("seq", "hash").first()
    return archived or (0, FIRST)
