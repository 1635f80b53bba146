"""The one place where an import writes rows."""

from vectorstore.config.settings import current
from vectorstore.service.context import Scope
from vectorstore.service.vector_service import VectorService
from vectorstore.transfer.checking import Checked


def write(
    scope: Scope, collection: str, checked: Checked, partition: str | None, *, sent: int, absent_at: int | None
) -> None:
    """Write good rows under the caller's rights, journalled and recorded as any write is.

    They go in one write, or in several where the caller's rights are limited to some rows; the first ``sent`` of these
    may be there already and are written over themselves. ``absent_at`` as for ``write_batch``.

    Raises:
        AlreadyExists: some of the ids are there already, in a write that was not sent before.
        OutcomeUnknown: Milvus gave no clear answer.
    """
    service = VectorService(scope)
    if checked.rows is None:
        service.write_batch(collection, checked.batch, partition, replace=sent > 0, absent_at=absent_at)
        return
    most = current().max_batch_rows
    for number, start in enumerate(range(0, len(checked.rows), most)):
        act = service.upsert if number < sent else service.insert
        act(collection, checked.rows[start : start + most], partition)
