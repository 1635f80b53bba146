"""The one place where an import writes rows."""

from vectorstore.config.settings import current
from vectorstore.service.context import Scope
from vectorstore.service.vector_service import VectorService
from vectorstore.transfer.checking import Checked


def write(scope: Scope, collection: str, checked: Checked, partition: str | None, *, replace: bool) -> None:
    """Write good rows under the caller's rights, journalled and recorded as any write is.

    Raises:
        AlreadyExists: without ``replace``, some of the ids are there already; nothing was written.
        OutcomeUnknown: Milvus gave no clear answer.
    """
    service = VectorService(scope)
    if checked.rows is None:
        service.write_batch(collection, checked.batch, partition, replace=replace)
        return
    act = service.upsert if replace else service.insert  # the caller's rows are checked one by one
    most = current().max_batch_rows
    for start in range(0, len(checked.rows), most):
        act(collection, checked.rows[start : start + most], partition)
