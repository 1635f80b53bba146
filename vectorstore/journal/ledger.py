"""What each collection should hold: key → (entry, hash of the row), made from the journal, off the way of writes.

A SQLite file for each collection. It gives the exact number of rows and the digest that Milvus must have, and finds
where the two differ. It can be thrown away: it is made again.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vectorstore.domain.collection import Collection
from vectorstore.domain.digest import RowHasher, RunningDigest, placed, row_hashes
from vectorstore.domain.models import RowId
from vectorstore.journal.changes import Change, Cleared, Gone, Rows

FORMAT = 2
_AT_ONCE = 5_000
_CHANGING = "BEGIN IMMEDIATE"
"""Others wait from here on, so that what is read is what is changed."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """After entry ``seq`` the collection holds ``rows`` rows with ``digest`` (``domain.digest``)."""

    seq: int
    rows: int
    digest: str


class Ledger:
    """Not thread-safe; a process that changes it holds SQLite's own lock meanwhile."""

    def __init__(self, folder: Path, uid: str, collection: Collection) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{uid}.ledger"
        self._hasher = RowHasher(collection)
        self._format = f"{FORMAT} {self._hasher.layout}"
        self._primary = collection.primary.name

    def state(self) -> LedgerState | None:
        """None where it was never begun, or with other fields."""
        if not self._path.is_file():
            return None
        with self._open() as database:
            return self._state(database)

    def begin(self, seq: int, rows: Iterable[Rows]) -> LedgerState:
        """Anew from the rows that are there after entry ``seq``, each once."""
        self.forget()
        digest = RunningDigest()
        with self._open(_CHANGING) as database:
            for part in rows:
                self._put(database, digest, part, seq)
            return self._save(database, seq, digest)

    def advance(self, until: int, changes: Callable[[int], Iterable[tuple[int, Change]]]) -> LedgerState:
        """Bring it to entry ``until``, unless it is further on; ``changes(after)`` gives the committed entries since,
        oldest first.

        Raises:
            LookupError: it was never begun with these fields.
        """
        with self._open(_CHANGING) as database:
            state = self._state(database)
            if state is None:
                raise LookupError("the ledger was never begun")
            if state.seq >= until:  # another was here first
                return state
            digest = RunningDigest(state.rows, int(state.digest, 16))
            for seq, change in changes(state.seq):
                self._apply(database, digest, seq, change)
            return self._save(database, until, digest)

    def placed_state(self, check: Callable[[], None]) -> LedgerState:
        """The state with the digest that covers the partition of each row too; ``check`` is called on the way.

        Raises:
            LookupError: it was never begun with these fields.
        """
        digest = RunningDigest()
        with self._open() as database:
            state = self._state(database)
            if state is None:
                raise LookupError("the ledger was never begun")
            rows = database.execute("SELECT hash, partition FROM rows")
            while part := rows.fetchmany(_AT_ONCE):
                check()
                digest.add(placed(b"".join(value for value, _ in part), [name for _, name in part]))
        return LedgerState(state.seq, digest.rows, digest.hex)

    def hashes(self, first: RowId | None, last: RowId | None) -> Iterator[tuple[RowId, bytes]]:
        """Key and hash of each row with ``first`` < key ≤ ``last``, keys ascending; None: no bound."""
        with self._open() as database:
            bounds = "(?1 IS NULL OR key > ?1) AND (?2 IS NULL OR key <= ?2)"
            yield from database.execute(f"SELECT key, hash FROM rows WHERE {bounds} ORDER BY key", (first, last))  # noqa: S608

    def key_at(self, place: int) -> RowId | None:
        """The key of the row at that place in the order of keys; None beyond the last."""
        with self._open() as database:
            found = database.execute("SELECT key FROM rows ORDER BY key LIMIT 1 OFFSET ?", (place,)).fetchone()
            return found[0] if found else None

    def forget(self) -> None:
        for ending in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def _apply(self, database: sqlite3.Connection, digest: RunningDigest, seq: int, change: Change) -> None:
        if isinstance(change, Rows):
            self._put(database, digest, change, seq)
        elif isinstance(change, Gone):
            self._take_away(database, digest, change.keys)
        else:
            self._clear(database, digest, change)

    def _put(self, database: sqlite3.Connection, digest: RunningDigest, rows: Rows, seq: int) -> None:
        keys: list[RowId] = rows.columns.column(self._primary).to_pylist()
        self._take_away(database, digest, keys)
        hashes = self._hasher.hashes(rows.columns)
        place = rows.partition
        places = [place] * len(keys) if place is not None else rows.columns.column("$partition").to_pylist()
        found = zip(keys, row_hashes(hashes), places, strict=True)
        database.executemany(
            "INSERT INTO rows (key, seq, hash, partition) VALUES (?, ?, ?, ?)",
            ((key, seq, value, where or "_default") for key, value, where in found),
        )
        digest.add(hashes)

    def _take_away(self, database: sqlite3.Connection, digest: RunningDigest, keys: Sequence[RowId]) -> None:
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            gone = database.execute(f"DELETE FROM rows WHERE key IN ({marks}) RETURNING hash", part)  # noqa: S608
            digest.subtract(b"".join(value for (value,) in gone))

    def _clear(self, database: sqlite3.Connection, digest: RunningDigest, change: Cleared) -> None:
        if change.partition is None:
            database.execute("DELETE FROM rows")
            digest.rows = digest.total = 0
            return
        gone = database.execute("DELETE FROM rows WHERE partition = ? RETURNING hash", (change.partition,))
        digest.subtract(b"".join(value for (value,) in gone))

    def _save(self, database: sqlite3.Connection, seq: int, digest: RunningDigest) -> LedgerState:
        state = LedgerState(seq, digest.rows, digest.hex)
        database.execute("DELETE FROM state")
        database.execute("INSERT INTO state VALUES (?, ?, ?, ?)", (self._format, state.seq, state.rows, state.digest))
        return state

    def _state(self, database: sqlite3.Connection) -> LedgerState | None:
        query = "SELECT seq, rows, digest FROM state WHERE format = ?"
        found = database.execute(query, (self._format,)).fetchone()
        return LedgerState(*found) if found else None

    @contextmanager
    def _open(self, begin: str = "BEGIN") -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = WAL")  # who reads all of it keeps nobody from writing
            database.execute("PRAGMA synchronous = OFF")  # it is made again from the journal
            database.executescript(
                "CREATE TABLE IF NOT EXISTS rows"
                " (key PRIMARY KEY, seq INTEGER, hash BLOB, partition TEXT) WITHOUT ROWID;"
                "CREATE TABLE IF NOT EXISTS state (format TEXT, seq INTEGER, rows INTEGER, digest TEXT);"
            )
            database.execute(begin)
            with database:
                yield database
