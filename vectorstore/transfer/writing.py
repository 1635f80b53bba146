"""The one place where an import writes rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vectorstore.config.settings import current
from vectorstore.domain.errors import Conflict
from vectorstore.domain.models import RowId
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope
from vectorstore.service.vector_service import VectorService
from vectorstore.transfer.checking import Checked
from vectorstore.transfer.source import ImportJob


class _RowsOfOne(VectorService):
    """Writes to the collection of the job alone, whatever has its name meanwhile."""

    def __init__(self, scope: Scope, job: ImportJob) -> None:
        super().__init__(scope)
        self._uid = job.uid
        self.origin = job.transfer

    @contextmanager
    def writing(self, known: KnownCollection, keys: Sequence[RowId]) -> Iterator[KnownCollection]:
        with super().writing(known, keys) as fresh:
            if fresh.uid != self._uid:
                raise Conflict(f"The collection {known.schema.name} was replaced since the import was asked for.")
            yield fresh


def write(scope: Scope, job: ImportJob, checked: Checked, *, sent: int, absent_at: int | None) -> None:
    """Write good rows under the caller's rights, journalled and recorded as any write is.

    They go in one write, or in several where the caller's rights are limited to some rows; the first ``sent`` of these
    may be there already and are written over themselves. ``absent_at`` as for ``write_batch``.

    Raises:
        AlreadyExists: some of the ids are there already, in a write that was not sent before.
        Conflict: another collection has the name now; nothing was written.
        OutcomeUnknown: Milvus gave no clear answer.
    """
    service = _RowsOfOne(scope, job)
    if checked.rows is None:
        service.write_batch(job.collection, checked.batch, job.partition, replace=sent > 0, absent_at=absent_at)
        return
    most = current().max_batch_rows
    for number, start in enumerate(range(0, len(checked.rows), most)):
        act = service.upsert if number < sent else service.insert
        act(job.collection, checked.rows[start : start + most], job.partition)
