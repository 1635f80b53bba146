"""The keys that were seen so far, in bounded memory: sorted runs, the large ones in files."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

RUN = 4_000_000
"""Keys at which a run is made no longer and becomes a file."""

Words = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Keys:
    """Sorted. Integers are in ``high``; of text, ``high`` and ``low`` are the halves of its BLAKE2b-128."""

    high: Words
    low: Words | None = None

    def __len__(self) -> int:
        return len(self.high)

    def take(self, chosen: npt.NDArray[np.bool_] | Words) -> "_Keys":
        return _Keys(self.high[chosen], None if self.low is None else self.low[chosen])

    def order(self) -> Words:
        return np.argsort(self.high, kind="stable") if self.low is None else np.lexsort((self.low, self.high))

    def repeated(self) -> npt.NDArray[np.bool_]:
        """Which are equal to the one before."""
        same = np.zeros(len(self), bool)
        same[1:] = self.high[1:] == self.high[:-1]
        if self.low is not None:
            same[1:] &= self.low[1:] == self.low[:-1]
        return same

    def within(self, run: "_Keys") -> npt.NDArray[np.bool_]:
        """Which are in ``run``."""
        place = np.searchsorted(run.high, self.high)
        found = np.zeros(len(self), bool)
        while True:
            inside = np.minimum(place, len(run) - 1)
            alike: npt.NDArray[np.bool_] = (place < len(run)) & (run.high[inside] == self.high)
            if self.low is None or run.low is None:
                return alike
            same = alike & (run.low[inside] == self.low)
            found |= same
            # Two texts whose first halves are equal lie side by side.
            if not (further := alike & ~same).any():
                return found
            place = np.where(further, place + 1, len(run))


class SeenKeys:
    """Takes 8 bytes of memory for an integer key and 16 for text, up to ``run`` keys; beyond, files in ``scratch``."""

    def __init__(self, scratch: Path, run: int = RUN) -> None:
        self._scratch, self._run = scratch, run
        self._runs: list[_Keys] = []
        self._filed: list[_Keys] = []

    def add(self, keys: pa.Array) -> npt.NDArray[np.bool_]:
        """Which of ``keys`` (int64 or string, without nulls) were not seen before; now they are.

        Of a key that is there twice, the first is new.
        """
        wanted = _keys(keys)
        order = wanted.order()
        ordered = wanted.take(order)
        new = ~ordered.repeated()
        for run in (*self._filed, *self._runs):
            new &= ~ordered.within(run)
        if new.any():
            self._keep(ordered.take(new))
        result = np.zeros(len(keys), bool)
        result[order[new]] = True
        return result

    def _keep(self, run: _Keys) -> None:
        """Runs double in length, so that each key is merged a few times only."""
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = _merged(self._runs.pop(), run)
        if len(run) >= self._run:
            self._filed.append(_Keys(self._file(run.high), None if run.low is None else self._file(run.low)))
        else:
            self._runs.append(run)

    def _file(self, words: Words) -> Words:
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            words.tofile(file)
            return np.memmap(file, np.int64, "r")


def _merged(one: _Keys, other: _Keys) -> _Keys:
    low = None if one.low is None or other.low is None else np.concatenate((one.low, other.low))
    both = _Keys(np.concatenate((one.high, other.high)), low)
    return both.take(both.order())


def _keys(keys: pa.Array) -> _Keys:
    if pa.types.is_integer(keys.type):
        return _Keys(keys.to_numpy(zero_copy_only=False).astype(np.int64))
    hashes = b"".join([hashlib.blake2b(key.encode(), digest_size=16).digest() for key in keys.to_pylist()])
    halves = np.frombuffer(hashes, np.int64).reshape(-1, 2)
    return _Keys(np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1]))
