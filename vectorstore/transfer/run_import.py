"""The work of an import: the whole file is checked before anything is written, and every step can be repeated."""

import sys
from typing import Any, NamedTuple

import numpy as np

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.config.settings import current
from vectorstore.domain.errors import Conflict, FieldError, InvalidRequest
from vectorstore.domain.models import Consistency
from vectorstore.domain.rows import MAX_REPORTED
from vectorstore.journal.sequence import position
from vectorstore.service import row_calls
from vectorstore.service.ahead import read_ahead
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope
from vectorstore.service.operation import Service
from vectorstore.service.work import Cancelled, Work
from vectorstore.service.write_path import sent_since, settled_at
from vectorstore.transfer import folders
from vectorstore.transfer.checking import Checked, Checker, Fault, subset
from vectorstore.transfer.downloads import offer
from vectorstore.transfer.fetch import fetch
from vectorstore.transfer.ids import Seen
from vectorstore.transfer.import_service import refuse_unfit
from vectorstore.transfer.readers import Piece, Position, Reader
from vectorstore.transfer.rejects import Rejects
from vectorstore.transfer.source import DATA, METADATA, ImportJob, open_source
from vectorstore.transfer.writing import write

_CHECKED_AT_ONCE = 4
"""Pieces between two marks in the ledger while the file is checked: about 128 MB."""
_IDS, _REPEATED = "ids", "repeated.npy"


def run_import(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Import a file as ``ImportService`` has taken it; returns ``{"collection", "rows", "rejected"}``, and with
    rejected rows ``"rejects"``: where they can be downloaded.

    A cancelled import keeps the rows it has written; its files are deleted.

    Raises:
        InvalidRequest: a row is bad (``on_error=fail``); ``errors`` names the first 100 as ``/rows/17/column``, rows
            counted from 0.
        Conflict: another collection has the name now.
    """
    done = work.finished("done")
    if done is not None:
        return done
    job = ImportJob.of(params)
    try:
        return _Import(work, scope, job).run()
    except Cancelled:
        folders.remove(job.transfer)
        raise


class Begun(NamedTuple):
    """A piece whose writing has begun: the rows whose ids were there already, how many of its writes were sent, and
    the journal's sequence at which none of the other ids was there."""

    taken: list[int]
    sent: int
    absent_at: int | None


class _Import:
    def __init__(self, work: Work, scope: Scope, job: ImportJob) -> None:
        self._work, self._scope, self._job = work, scope, job
        with Service(scope).on_collection("vector.import", job.collection) as act:
            refuse_unfit(act.known)
            self._known: KnownCollection = act.known
            if act.known.uid != job.uid:
                raise Conflict(f"The collection {job.collection} was replaced since the import was asked for.")
        self._home = job.folder
        self._seen = Seen(self._home / _IDS)
        self._rejects = Rejects(self._home)
        self._absent_at: int | None = None

    def run(self) -> dict[str, Any]:
        job, work = self._job, self._work
        work.stage("fetching")
        self._fetch()
        reader = open_source(job, self._known)
        work.stage("checking")
        checked = self._check(reader)
        self._absent_at = checked["seq"]
        work.stage("writing")
        result = {"collection": job.collection} | self._write_all(reader, checked["rows"])
        if result["rejected"]:
            self._rejects.join()
            result["rejects"] = offer(
                job.transfer, Rejects.NAME, "application/x-ndjson", self._scope, job.collection, "vector.import"
            )
            work.say(f"{result['rejected']} rows were rejected")
        work.finish("done", result)
        for name in (DATA, METADATA, _IDS, _REPEATED):
            (self._home / name).unlink(missing_ok=True)
        if not result["rejected"]:
            folders.remove(job.transfer)
        return result

    def _fetch(self) -> None:
        for url, name, pointer in (
            (self._job.url, DATA, "/url"),
            (self._job.metadata_url, METADATA, "/metadata_url"),
        ):
            if url is not None and self._work.finished(f"fetch/{name}") is None:
                size = fetch(url, self._home / name, current(), check=self._work.check, pointer=pointer)
                self._work.finish(f"fetch/{name}", {"bytes": size})

    # --- the first time through the file: nothing is written ---

    def _check(self, reader: Reader) -> dict[str, Any]:
        """Every row, with its id among the others; the note of the ledger.

        Raises:
            InvalidRequest: some are bad, and none may be.
        """
        work = self._work
        note = work.finished("checked")
        if note is not None:
            return note
        number = 0
        found: dict[str, Any] = {"next": [0, 0], "ids": 0, "bad": 0, "faults": [], "seq": settled_at(self._known)}
        while (kept := work.finished(f"check/{number}")) is not None:
            found, number = kept, number + 1
        self._seen.cut(found["ids"])
        checker = Checker(self._scope, self._known, self._job.names, reader.values, self._job.transfer)
        taken = not self._skips and not self._job.replaces and self._has_rows()
        for index, piece in enumerate(read_ahead(reader.read(Position(*found["next"])), work.check), 1):
            work.check()
            checked = checker.check(piece)
            faults = [*checked.faults, *(self._taken(checked) if taken else ())]
            self._seen.add(checked.batch.ids, checked.numbers)
            found["bad"] += len(faults)
            found["faults"] += _plain(faults)[: MAX_REPORTED - len(found["faults"])]
            found |= {"next": [piece.next.row, piece.next.at], "ids": self._seen.count}
            self._tell(reader, piece.next)
            if index % _CHECKED_AT_ONCE == 0:
                work.finish(f"check/{number}", found)
                number += 1
        note = {"rows": found["next"][0], "seq": found["seq"]}
        self._end_check(found)
        work.finish("checked", note)
        return note

    def _end_check(self, found: dict[str, Any]) -> None:
        repeated = self._seen.repeated()
        if self._skips:
            with folders.whole_file(self._home / _REPEATED) as file:
                np.save(file, repeated)
            return
        faults = [Fault(*item) for item in found["faults"]]
        primary = self._job.names.column(self._known.schema.primary.name)
        faults += _again(repeated[:MAX_REPORTED], primary)
        bad = found["bad"] + len(repeated)
        if not bad:
            return
        faults = sorted(faults, key=lambda fault: fault.row)[:MAX_REPORTED]
        more = f"; the first {MAX_REPORTED} are listed" if bad > MAX_REPORTED else ""
        for fault in faults[:10]:
            self._work.say(f"row {fault.row}, {fault.column or 'the whole'}: {fault.reason}")
        raise InvalidRequest(
            f"{bad} values of the file's {found['next'][0]} rows are invalid{more}. Nothing was written.",
            errors=tuple(FieldError(_pointer(fault), "invalid", fault.reason) for fault in faults),
        )

    def _taken(self, checked: Checked) -> list[Fault]:
        """The rows whose ids the collection has already."""
        there = set(row_calls.existing(self._scope, self._known.whole, checked.batch.ids))
        name = self._job.names.column(self._known.schema.primary.name)
        return [
            Fault(int(number), name, "the id is in the collection already")
            for number, identity in zip(checked.numbers, checked.batch.ids, strict=True)
            if identity in there
        ]

    def _has_rows(self) -> bool:
        query = RowQuery(expression="", output_fields=[], consistency=Consistency.STRONG)
        return self._known.engine.adapter.count(self._scope.database, self._known.schema, query) > 0

    # --- the second time: what is good is written ---

    def _write_all(self, reader: Reader, total: int) -> dict[str, Any]:
        work = self._work
        number, start, rows, rejected = 0, Position(), 0, 0
        while (note := work.finished(f"write/{number}")) is not None:
            start = Position(*note["next"])
            number, rows, rejected = number + 1, rows + note["rows"], rejected + note["rejected"]
        repeated = np.load(self._home / _REPEATED, mmap_mode="r") if self._skips else None
        checker = Checker(self._scope, self._known, self._job.names, reader.values, self._job.transfer, embed=True)
        pieces = ((piece, checker.check(piece)) for piece in reader.read(start))
        for piece, checked in read_ahead(pieces, work.check):
            work.check()
            bad = len({fault.row for fault in checked.faults})
            if bad and not self._skips:
                raise Conflict("The rows do not fit the collection any longer; import the file anew.")
            checked = self._without_repeated(checked, repeated)
            written = self._write(number, checked, piece)
            rows, rejected = rows + written, rejected + piece.size - written
            work.finish(
                f"write/{number}",
                {"next": [piece.next.row, piece.next.at], "rows": written, "rejected": piece.size - written},
            )
            number += 1
            work.progress(piece.next.row, total, "rows")
        return {"rows": rows, "rejected": rejected}

    def _write(self, number: int, checked: Checked, piece: Piece) -> int:
        """Write a piece's good rows; returns how many."""
        begun = self._begin(number, checked)
        name = self._job.names.column(self._known.schema.primary.name)
        faults = [Fault(row, name, "the id is in the collection already") for row in begun.taken]
        checked = _without(checked, faults)
        if checked.faults:
            self._rejects.write(number, checked.faults, piece)
        if checked.batch.size:
            sent = sys.maxsize if self._job.replaces else begun.sent
            write(self._scope, self._job, checked, sent=sent, absent_at=begun.absent_at)
        return checked.batch.size

    def _begin(self, number: int, checked: Checked) -> Begun:
        """What is on record before Milvus hears of a piece. If it was sent already, it is written over itself; if it
        was refused, or never sent, it is begun anew: somebody else may have its ids by now."""
        again, note = 0, None
        while (kept := self._work.finished(f"begin/{number}/{again}")) is not None:
            again, note = again + 1, kept
        sent = 0 if note is None else self._sent(note["seq"])
        if note is not None and sent:
            return Begun(note["taken"], sent, None)
        began_at, quiet_at = position()[0], settled_at(self._known)
        looked = self._skips and not self._job.replaces
        faults = self._taken(checked) if looked and checked.batch.size else []
        taken = [fault.row for fault in faults]
        self._work.finish(f"begin/{number}/{again}", {"taken": taken, "seq": began_at})
        return Begun(taken, 0, quiet_at if looked else self._absent_at)

    def _sent(self, seq: int) -> int:
        """How many writes of this job the journal has after ``seq``; without a journal, any number."""
        if not self._known.point_in_time:
            return sys.maxsize
        return sent_since(self._known, seq).filter(origin=self._job.transfer).count()

    def _without_repeated(self, checked: Checked, repeated: Any) -> Checked:
        if repeated is None or not len(repeated):
            return checked
        mine = repeated[np.isin(repeated["row"], checked.numbers)]
        return _without(checked, _again(mine, self._job.names.column(self._known.schema.primary.name)))

    @property
    def _skips(self) -> bool:
        return self._job.on_error == "skip"

    def _tell(self, reader: Reader, place: Position) -> None:
        if reader.rows is not None:
            self._work.progress(place.row, reader.rows, "rows")
        else:
            self._work.progress(place.at, reader.path.stat().st_size, "bytes")


def _without(checked: Checked, faults: list[Fault]) -> Checked:
    """Without the rows of ``faults``, which are added to those it has."""
    if not faults:
        return checked
    rows = [fault.row for fault in faults]
    out = np.isin(checked.numbers, rows)
    kept = subset(checked, np.flatnonzero(~out))
    return Checked(kept.batch, kept.numbers, kept.rows, [*checked.faults, *faults])


def _again(repeated: Any, column: str) -> list[Fault]:
    return [
        Fault(int(pair["row"]), column, f"the id is used by row {int(pair['key'])} of the file too")
        for pair in repeated
    ]


def _plain(faults: list[Fault]) -> list[list[Any]]:
    return [[fault.row, fault.column[:255], fault.reason] for fault in faults]


def _pointer(fault: Fault) -> str:
    escaped = fault.column[:255].replace("~", "~0").replace("/", "~1")
    return f"/rows/{fault.row}/{escaped}" if fault.column else f"/rows/{fault.row}"
