"""Online rebuilds: an index that was measured is built beside the present one, and takes its place."""

import secrets
from dataclasses import asdict

from vectorstore.backup.history import source_of
from vectorstore.domain.errors import Conflict, NotFound, NotLoaded
from vectorstore.domain.models import LoadState
from vectorstore.domain.requests import ApplyAdviceRequest
from vectorstore.journal.sequence import position
from vectorstore.models import Job
from vectorstore.service.advice_service import advised
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.job_service import submit
from vectorstore.service.operation import Service


class ReindexService(Service):
    def apply(self, name: str, request: ApplyAdviceRequest) -> Job:
        """Start building what the advice recommends, or one of its points.

        Raises:
            Conflict: nothing was measured; the collection cannot be made again from the journal, or has that index.
            NotLoaded: it is not in memory.
        """
        with self.on_collection("index.create", name, request) as act:
            known = act.known
            index = advised(known, known.vector_field(request.field).name, request.point)
            until = position()[0]
            _refuse_unjournalled(known, until, index.field)
            if known.indexes.get(index.field) == index:
                raise Conflict(f"The field {index.field} has that index already.")
            if known.engine.adapter.load_state(self.scope.database, known.schema.name)[0] is not LoadState.LOADED:
                raise NotLoaded(f"The collection {known.schema.name} is not loaded; load it first.")
            params = {
                "collection": known.schema.name,
                "uid": known.uid,
                "until": until,
                "index": asdict(index),
                "key": secrets.token_hex(8),
            }
            act.parameters = {**act.parameters, "index": {"type": str(index.kind), **index.params}}
            return submit(self.scope, "apply_advice", params, known.schema.name)


def _refuse_unjournalled(known: KnownCollection, until: int, field: str) -> None:
    instead = f"What there is: indexes/{field}/rebuild/, during which searches answer 409."
    if not known.point_in_time:
        why = "Milvus makes the ids itself" if known.schema.engine_ids else "its writes are not journalled"
        raise Conflict(f"{known.schema.name} cannot be rebuilt while it is written to, since {why}. {instead}")
    try:
        source_of(known.uid, until)
    except NotFound:
        raise Conflict(
            f"{known.schema.name} was not made through the gateway and has no backup, so that it cannot be made again;"
            f" make a backup first. {instead}"
        ) from None
