"""The work of an online rebuild: the collection made again with another index, caught up, put in place of itself.

As a restore to this moment it needs no reading of Milvus; unlike one it stays the same collection, and loses no write
that comes meanwhile.
"""

import time
from dataclasses import replace
from typing import Any

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.backup import drift
from vectorstore.backup.catching_up import CatchingUp
from vectorstore.backup.loading import Loader
from vectorstore.backup.merge import live_rows
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.backup.run_restore import Held, holding, prove_source, settled_source
from vectorstore.config.collection_config import RESTORE_PREFIX
from vectorstore.domain.definition import Definition, from_json, to_json
from vectorstore.domain.errors import Conflict
from vectorstore.domain.models import Consistency, IndexKind, IndexSpec, Metric
from vectorstore.service.catalogue import KnownCollection, look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import definition_of
from vectorstore.service.engines import engine_of
from vectorstore.service.exchanging import discard, exchange
from vectorstore.service.operation import Service
from vectorstore.service.publishing import take_back
from vectorstore.service.work import Cancelled, Work

_LINGER_S = 3.0
"""How long the old one stays for searches that are under way in it."""
_STRONG = RowQuery(expression="", output_fields=[], consistency=Consistency.STRONG)


def run_reindex(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Give the field ``params["index"]["field"]`` of the collection the index ``params["index"]``.

    Raises:
        Conflict: others write around the gateway, or the collection was changed meanwhile; nothing was changed.
        VectorStoreError: it cannot be done; nothing was changed.
    """
    name, uid, scratch = params["collection"], params["uid"], f"{RESTORE_PREFIX}{params['key']}"
    index = IndexSpec(
        field=params["index"]["field"],
        kind=IndexKind(params["index"]["kind"]),
        metric=Metric(params["index"]["metric"]),
        params=params["index"]["params"],
    )
    try:
        with backup_place() as place:
            if work.finished("ready") is None:
                Service(scope).require("index.create", name)  # what the caller held when it asked may be gone
                work.finish("ready", _prepare(work, scope, scratch, params, index, place))
            ready = work.finished("ready") or {}
            definition = from_json(ready["definition"])
            copy = _copy(scope, definition, scratch)
            behind = CatchingUp(scope, copy, uid, ready["until"], place)
            if engine_of(scope.cluster).adapter.has_collection(scope.database, scratch):
                work.stage("catching up")
                behind.nearly(work.check)
            work.check()
            work.stage("exchanging")
            exchange(scope, name, uid, scratch, index, lambda known: _last(scope, known, definition, behind))
    except Cancelled:
        take_back(scope, scratch)
        raise
    time.sleep(_LINGER_S)
    discard(scope, uid)
    told = {"field": index.field, "type": str(index.kind), "params": index.params}
    return {"collection": name, **told, "rows": ready["rows"]}


def _prepare(
    work: Work, scope: Scope, scratch: str, params: dict[str, Any], index: IndexSpec, place: BackupPlace
) -> dict[str, Any]:
    """The copy with its index, proved to hold what the journal says of the moment ``until``."""
    work.stage("planned")
    known = look_up(scope, params["collection"])[0].whole
    if known.uid != params["uid"]:
        raise Conflict(f"The collection {params['collection']} was replaced meanwhile; ask again.")
    if (found := drift.look(scope, known.schema.name, place)) is not None:
        raise Conflict(
            f"Others wrote to the collection around the gateway ({found.detail}). Adopt or revert that first."
        )
    source = settled_source(work, params)
    definition = _planned(work, definition_of(scope, known), index)
    hold = holding(source, place, work)
    hold()
    held = Held(work, hold)
    prove_source(held, source, place)
    adapter = engine_of(scope.cluster).adapter
    loader = Loader(held, adapter, scope.database, definition, scratch)
    held.stage("loading")
    loader.create()
    loader.load(live_rows(source.changes(place, hold), loader.schema, place.scratch), None)
    held.stage("indexing")
    loader.index()
    loader.prove()
    return {"definition": to_json(definition), "until": source.until, "rows": loader.digest.rows}


def _planned(work: Work, now: Definition, index: IndexSpec) -> Definition:
    """The same in every run."""
    note = work.finished("planned")
    if note is not None:
        return from_json(note["definition"])
    others = tuple(spec for spec in now.indexes if spec.field != index.field)
    made = replace(now, indexes=(*others, index))
    work.finish("planned", {"definition": to_json(made)})
    return made


def _copy(scope: Scope, definition: Definition, scratch: str) -> KnownCollection:
    """What is written to as any collection is, and has no record and no journal."""
    return KnownCollection(
        engine=engine_of(scope.cluster),
        database=scope.database,
        schema=replace(definition.schema, name=scratch),
        indexes={},
        curves={},
        record_id=0,
        uid=definition.uid,
        point_in_time=False,
        embedding=None,
        aliases=(),
        partitions=("_default", *definition.partitions),
    )


def _last(scope: Scope, known: KnownCollection, definition: Definition, behind: CatchingUp) -> None:
    """Nobody writes now: what is left, and the proof that both hold as many rows.

    Raises:
        Conflict: they do not, or the collection is made up otherwise than when this began.
    """
    now = definition_of(scope, known)
    if (now.schema.fields, now.partitions) != (definition.schema.fields, definition.partitions):
        raise Conflict(f"The fields or partitions of {known.schema.name} were changed meanwhile; ask again.")
    behind.wholly(lambda: None)
    adapter = known.engine.adapter
    there = adapter.count(scope.database, known.schema, _STRONG)
    copied = adapter.count(scope.database, behind.copy.schema, _STRONG)
    if there != copied:
        raise Conflict(
            f"Milvus holds {there} rows of {known.schema.name} and the journal {copied}: others wrote around the"
            " gateway. Adopt or revert that first; nothing was changed."
        )
