"""What a verification found."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    INTACT = "intact"
    ALTERED = "altered"
    GAP = "gap"
    CHECKPOINT = "checkpoint"
    TRUNCATED = "truncated"

    @property
    def exit_code(self) -> int:
        return _EXIT_CODES[self]


_EXIT_CODES = {Kind.INTACT: 0, Kind.ALTERED: 2, Kind.GAP: 3, Kind.CHECKPOINT: 4, Kind.TRUNCATED: 5}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``records`` were found in order before the first bad one, which ``first_bad_seq`` names."""

    kind: Kind
    records: int
    first_bad_seq: int | None = None
    detail: str = ""

    @property
    def intact(self) -> bool:
        return self.kind is Kind.INTACT


class Broken(Exception):
    """The chain does not hold at ``seq``."""

    def __init__(self, kind: Kind, seq: int, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.seq = seq
        self.detail = detail

    def verdict(self, records: int) -> Verdict:
        return Verdict(self.kind, records, self.seq, self.detail)
