"""The work of an export: rows by ranges of the key into parts, which are joined once the count agrees."""

from contextlib import closing
from typing import Any

from vectorstore.adapters.read_calls import LARGEST_INT64, RowQuery
from vectorstore.domain.errors import Conflict, EngineFailed
from vectorstore.domain.models import Consistency, RowId
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service.catalogue import require_same
from vectorstore.service.context import Scope
from vectorstore.service.expressions import read_filter, where
from vectorstore.service.operation import CollectionOperation, Service
from vectorstore.service.work import Cancelled, Work
from vectorstore.transfer import folders
from vectorstore.transfer.downloads import offer
from vectorstore.transfer.export_service import ExportJob
from vectorstore.transfer.projection import Projection
from vectorstore.transfer.writers import FORMATS

_PART_BYTES = 64 * 1024 * 1024
_ATTEMPTS = 2


def run_export(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Export as ``ExportService`` has been asked to; returns ``{"download", "rows", "bytes"}``.

    Raises:
        EngineFailed: Milvus counts other rows than it gave, though nothing was written meanwhile.
        Conflict: rows were written all the time, or another collection has the name now.
    """
    done = work.finished("done")
    if done is not None:
        return done
    job = ExportJob.of(params)
    try:
        with Service(scope).on_collection("vector.export", job.collection) as act:
            export = _Export(work, scope, job, act)
        result = export.run()
        with Service(scope).on_collection("vector.export", job.collection) as act:  # the right may be gone by now
            act.rows = result["rows"]
            result = {"download": export.offer()} | result
    except Cancelled:
        folders.remove(job.transfer)
        raise
    work.finish("done", result)
    return result


class _Export:
    def __init__(self, work: Work, scope: Scope, job: ExportJob, act: CollectionOperation) -> None:
        known = act.known
        if known.uid != job.uid:
            folders.remove(job.transfer)
            raise Conflict(f"The collection {job.collection} was replaced since the export was asked for.")
        self._work, self._scope, self._job, self._known = work, scope, job, known
        self._adapter, self._schema = known.engine.adapter, known.schema
        self._home = folders.folder(job.transfer)
        self._projection = Projection.of(known, job.output_fields)
        self._format = FORMATS[job.format](self._projection.written)
        self._file = f"rows.{job.format}"
        rows = where(known, read_filter(known, job.filter, job.filters))
        self._query = RowQuery(**rows, output_fields=[], consistency=Consistency.STRONG)

    def run(self) -> dict[str, Any]:
        """Raises EngineFailed, Conflict: see ``run_export``."""
        for attempt in range(_ATTEMPTS):
            self._work.stage("counting" if not attempt else "counting again")
            begun = self._begin(attempt)
            self._work.stage("reading")
            rows, parts = self._read(attempt, begun["rows"])
            counted, quiet = self._count(), self._written() == begun["written"]
            low, high = sorted((begun["rows"], counted))
            if low <= rows <= high:
                self._work.stage("joining")
                return {"rows": rows, "bytes": self._join(parts)}
            if quiet:
                raise EngineFailed(
                    f"Milvus counts {counted} rows and gave {rows}: {abs(counted - rows)}"
                    f" {'are missing' if rows < counted else 'too many'}. Nothing was kept; try again."
                )
            self._work.say(f"{rows} rows were read and {counted} counted, with writes in between: reading again")
        raise Conflict(
            f"Rows of {self._job.collection} were written all the time: {rows} were read and {counted} counted."
            " Export it when fewer writes are under way."
        )

    def offer(self) -> str:
        """Where the file can be downloaded."""
        media = self._format.media
        return offer(self._job.transfer, self._file, media, self._scope, self._job.collection, "vector.export")

    def _begin(self, attempt: int) -> dict[str, Any]:
        """The count before, and the time of the last write then."""
        note = self._work.finished(f"{attempt}/begin")
        if note is None:
            note = {"written": self._written(), "rows": self._count()}
            self._work.finish(f"{attempt}/begin", note)
        return note

    def _count(self) -> int:
        return self._adapter.count(self._scope.database, self._schema, self._query)

    def _written(self) -> int:
        return shared_state().read(self._scope.address(self._schema.name)).written

    def _read(self, attempt: int, total: int) -> tuple[int, list[str]]:
        """The rows written into parts, and the parts' names."""
        rows, after = 0, None
        parts: list[str] = []
        while True:
            number = len(parts)
            key, name = f"{attempt}/part/{number}", f"part-{attempt}-{number:06d}"
            note = self._work.finished(key)
            if note is None or not (self._home / name).is_file():
                note = self._part(name, after, rows, total)
                self._require_same()
                self._work.finish(key, note)
            parts.append(name)
            rows += note["rows"]
            if note["last"] is None:
                return rows, parts
            after = note["last"]

    def _require_same(self) -> None:
        """What was read is of the collection that was asked for; else nothing of it stays.

        Raises:
            Conflict: another one has the name now.
        """
        try:
            require_same(self._scope, self._known)
        except Conflict:
            folders.remove(self._job.transfer)
            raise

    def _part(self, name: str, after: RowId | None, before: int, total: int) -> dict[str, Any]:
        """Rows after the key ``after`` until the part is large enough; ``last`` is None where there are no more."""
        rows, size, last = 0, 0, after
        with folders.whole_file(self._home / name) as file, closing(self._format.part(file)) as part:
            for batch in self._adapter.scan(self._scope.database, self._projection.read, self._query, after=after):
                self._work.check()
                size += part.write(self._projection.apply(batch))
                rows, last = rows + batch.size, max(batch.ids)
                self._work.progress(before + rows, max(total, before + rows), "rows")
                if size >= _PART_BYTES and last != LARGEST_INT64:
                    break
            else:
                last = None
        return {"rows": rows, "last": last}

    def _join(self, parts: list[str]) -> int:
        with folders.whole_file(self._home / self._file) as file:
            self._format.join([self._home / name for name in parts], file)
        for path in self._home.glob("part-*"):
            path.unlink()
        return (self._home / self._file).stat().st_size
