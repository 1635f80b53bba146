"""Measured rows: from the rounds of both sides to the printed table and the file."""

import dataclasses
import datetime
import os
import platform
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

Measure = Callable[[], float]
_SHOWN = ("#", "work", "ours", "peer", "measure", "spread", "target", "reached")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared. The measure is ours ÷ peer, or with ``difference`` ours − peer.

    ``target`` is the least that is wanted, or with ``at_most`` the most; None where none is set.
    """

    id: str
    what: str
    target: float | None = None
    at_most: bool = False
    difference: bool = False

    def measured(self, ours: Measure, peer: Measure, rounds: int) -> "Row":
        """Both sides in turn, each first in every other round, so that neither gains from a machine that drifts."""
        mine, theirs = [], []
        for number in range(rounds):
            for side in (0, 1) if number % 2 == 0 else (1, 0):
                mine.append(ours()) if side == 0 else theirs.append(peer())
        pairs = list(zip(mine, theirs, strict=True))
        measures = [a - b if self.difference else a / b for a, b in pairs]
        middle = statistics.median(measures)
        reached = None
        if self.target is not None:
            reached = middle <= self.target if self.at_most else middle >= self.target
        return Row(
            id=self.id,
            what=self.what,
            ours=_rounded(statistics.median(mine)),
            peer=_rounded(statistics.median(theirs)),
            ratio=_rounded(middle),
            spread=(_rounded(min(measures)), _rounded(max(measures))),
            target=self.target,
            reached=reached,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """Medians of the rounds; ``ratio`` is the measure, ``spread`` its least and greatest round."""

    id: str
    what: str
    ours: float
    peer: float
    ratio: float
    spread: tuple[float, float]
    target: float | None
    reached: bool | None


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def table(rows: list[Row]) -> str:
    cells = [_SHOWN, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_SHOWN))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    reached = {True: "yes", False: "no", None: "–"}[row.reached]
    target = "–" if row.target is None else f"{row.target:g}"
    spread = f"{row.spread[0]:g} … {row.spread[1]:g}"
    return (row.id, row.what, f"{row.ours:g}", f"{row.peer:g}", f"{row.ratio:g}", spread, target, reached)


def save(rows: list[Row], folder: Path) -> Path:
    """``<date>-<commit>.json``, so that runs can be compared; what another run of that day and commit has measured, and
    this one has not, stays."""
    commit = _commit()
    path = folder / f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}-{commit}.json"
    measured = {row.id: dataclasses.asdict(row) for row in rows}
    if path.exists():
        measured = {row["id"]: row for row in orjson.loads(path.read_bytes())["rows"]} | measured
    found: dict[str, Any] = {
        "commit": commit,
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}",
        "rows": list(measured.values()),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return path


def _commit() -> str:
    """The commit, with ``-dirty`` where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
