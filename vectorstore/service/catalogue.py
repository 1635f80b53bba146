"""What is known of a collection: Milvus's schema with what the product has on record, remembered while valid."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from vectorstore.access.rights import EVERYTHING, Limits
from vectorstore.adapters.collection_calls import EngineCollection
from vectorstore.adapters.retry_mechanism import CallKind
from vectorstore.config.collection_config import EXCHANGE_PREFIX
from vectorstore.config.settings import current
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import Conflict, InvalidRequest, NotFound
from vectorstore.domain.models import Consistency, IndexSpec, IndexState
from vectorstore.domain.recall import Curve
from vectorstore.domain.requests import EmbeddingSpec
from vectorstore.domain.row_filter import RowFilter
from vectorstore.models import CollectionRecord
from vectorstore.optimization.coalescing import Coalescer
from vectorstore.optimization.shared_state import State, shared_state
from vectorstore.service.context import Scope
from vectorstore.service.engines import Engine, engine_of, no_longer_held
from vectorstore.service.recall_curves import curves_of


@dataclass(frozen=True, slots=True)
class KnownCollection:
    """A collection as services use it. ``schema`` carries the defaults and ``auto_id`` on record.

    ``uid`` is its identity in the journal, which has its writes where ``point_in_time`` says so: never those of a
    collection whose engine makes the ids, for they cannot be sent twice.
    ``curves`` has the recall of each field whose index was measured.
    ``cache_ttl_s`` is how long answers to searches are kept, 0 where they are not.
    ``rows`` and ``denied`` are what its caller's rights leave: every expression that is written for it meets one of
    ``rows`` (none: all rows), and the fields in ``denied``, of the schema or dynamic, are not there for the caller.
    """

    engine: Engine
    database: str
    schema: Collection
    indexes: dict[str, IndexSpec]
    curves: dict[str, Curve]
    record_id: int
    uid: str
    point_in_time: bool
    embedding: EmbeddingSpec | None
    aliases: tuple[str, ...]
    partitions: tuple[str, ...]
    cache_ttl_s: int = 0
    rows: tuple[RowFilter, ...] = ()
    denied: frozenset[str] = frozenset()

    def within(self, limits: Limits) -> "KnownCollection":
        """The part of the collection that ``limits`` leave."""
        if limits is EVERYTHING:
            return self
        return dataclasses.replace(self, rows=limits.rows, denied=limits.denied)

    @property
    def is_whole(self) -> bool:
        """Whether the caller may know of every row: what the engine counts by itself says nothing more."""
        return not self.rows

    def visible_indexes(self, states: Iterable[IndexState]) -> list[IndexState]:
        """The indexes as the caller sees them: of fields that are there, and without counting rows that are not."""
        found = [state for state in states if state.spec.field not in self.denied]
        if self.is_whole:
            return found
        return [dataclasses.replace(state, indexed_rows=None, total_rows=None) for state in found]

    @property
    def whole(self) -> "KnownCollection":
        """All of it, for what the gateway itself has to know."""
        return dataclasses.replace(self, rows=(), denied=frozenset())

    @property
    def visible(self) -> Collection:
        """The schema as the caller sees it."""
        if not self.denied:
            return self.schema
        fields = tuple(field for field in self.schema.fields if field.name not in self.denied)
        return dataclasses.replace(self.schema, fields=fields)

    def require_partitions(self, names: Sequence[str]) -> None:
        """Raises NotFound unless all are there: Milvus Lite would find nothing in one that is not."""
        if all(name in self.partitions for name in names):
            return
        present = self.engine.adapter.list_partitions(self.database, self.schema.name)  # made elsewhere meanwhile?
        for name in names:
            if name not in present:
                raise NotFound(f"The collection {self.schema.name} has no partition {name[:255]!r}.")

    def vector_field(self, name: str | None, pointer: str = "/field") -> Field:
        """The vector field of that name, or the only one.

        Raises:
            InvalidRequest: no such vector field, or several and none named.
        """
        fields = self.visible.vector_fields
        if name is None:
            if len(fields) == 1:
                return fields[0]
            names = ", ".join(field.name for field in fields)
            raise InvalidRequest.at(pointer, f"the collection has several vector fields; name one of {names}")
        field = self.visible.field(name)
        if field is None or not field.type.is_vector:
            names = ", ".join(field.name for field in fields)
            raise InvalidRequest.at(pointer, f"{name[:255]!r} is no vector field of the collection; it has {names}")
        return field


PENDING = -1
"""The engine id of a record whose collection Milvus is still making."""

_remembered: dict[tuple[str, str, str], tuple[int, KnownCollection]] = {}
_MOST_REMEMBERED = 5_000
_loads: Coalescer[str, KnownCollection] = Coalescer(most=1_024, at_once=1)


def look_up(scope: Scope, name: str) -> tuple[KnownCollection, State]:
    """The collection (an alias is followed) and what a read of it has to respect.

    Raises:
        NotFound: there is none of that name.
    """
    engine = engine_of(scope.cluster)
    key = (scope.cluster, scope.database, name)
    state = shared_state().read(scope.address(name))
    found = _remembered.get(key)
    valid = found is not None and state.catalogue is not None and found[0] == state.catalogue
    if found is not None and valid and found[1].engine.adapter is engine.adapter:  # not if the cluster has moved
        known = found[1]
    else:
        known = _loaded(scope, engine, name)
        if state.catalogue is not None:
            if len(_remembered) >= _MOST_REMEMBERED:
                _remembered.clear()
            _remembered[key] = (state.catalogue, known)
    if known.schema.name != name:
        state = shared_state().read(scope.address(known.schema.name))
    return known, state


def require_same(scope: Scope, known: KnownCollection) -> None:
    """That the name still means ``known``, with its fields, in Milvus too: for what goes by the name for a long time.

    Raises:
        Conflict: it was renamed, replaced or dropped, or its fields were changed.
    """
    name = known.schema.name
    record = CollectionRecord.objects.filter(cluster=scope.cluster, database=scope.database, name=name).first()
    try:
        there = known.engine.adapter.describe_collection(scope.database, name)
    except NotFound:
        there = None
    if record is None or there is None or record.uid != known.uid or record.engine_id not in (there.engine_id, PENDING):
        raise Conflict(f"The collection {name} was renamed, replaced or dropped meanwhile.")
    if with_record(there.schema, record).fields != known.schema.fields:
        forget(scope)
        raise Conflict(f"The fields of {name} were changed meanwhile; try again.")


def consistency_for(asked: Consistency | None, known: KnownCollection, state: State) -> Consistency:
    """The level to read with: as asked, else the collection's own; strong where Redis cannot say what was written."""
    level = asked or known.schema.consistency
    if state.blind and known.engine.capabilities.timestamps and level != Consistency.EVENTUALLY:
        return Consistency.STRONG
    return level


def forget(scope: Scope) -> None:
    """A schema of the database has changed: no process may use what it remembers."""
    shared_state().catalogue_changed(scope.cluster, scope.database)
    for key in [key for key in _remembered if key[:2] == (scope.cluster, scope.database)]:
        _remembered.pop(key, None)


def _loaded(scope: Scope, engine: Engine, name: str) -> KnownCollection:
    """Asked of the engine for all at once who came before it was asked: without Redis that is every search."""

    def load(names: Sequence[str], _seconds: float) -> list[KnownCollection]:
        return [_load(scope, engine, name)] * len(names)

    key = (id(engine.adapter), scope.cluster, scope.database, name)
    return _loads.ask(key, name, load, deadline=CallKind.READ.value.deadline).answer


def _load(scope: Scope, engine: Engine, name: str) -> KnownCollection:
    found = _find(scope, engine, name)
    record = adopt(scope, found)
    engine.adapter.reload_forgotten(scope.database, found.schema.name)
    return KnownCollection(
        engine=engine,
        database=scope.database,
        schema=with_record(found.schema, record),
        indexes={
            state.spec.field: state.spec for state in engine.adapter.list_indexes(scope.database, found.schema.name)
        },
        curves=curves_of(record.pk),
        record_id=record.pk,
        uid=record.uid,
        point_in_time=record.point_in_time and not found.schema.engine_ids,
        embedding=embedding_of(record),
        aliases=tuple(engine.adapter.aliases_of(scope.database, found.schema.name)),
        partitions=tuple(engine.adapter.list_partitions(scope.database, found.schema.name)),
        cache_ttl_s=(record.cache_ttl_s or current().cache_ttl_s) if record.cache_enabled else 0,
    )


def _find(scope: Scope, engine: Engine, name: str) -> EngineCollection:
    """Waits while the collection is exchanged: then nothing has its name, and its aliases mean what nobody sees."""
    adapter = engine.adapter
    try:
        found = adapter.describe_collection(scope.database, name)
        if not found.schema.name.startswith(EXCHANGE_PREFIX):
            return found
        again = no_longer_held(found.schema.name.removeprefix(EXCHANGE_PREFIX))
    except NotFound:
        again = adapter.exchanged is not None and adapter.exchanged(scope.database, name)
    try:
        if again and not (found := adapter.describe_collection(scope.database, name)).schema.name.startswith(
            EXCHANGE_PREFIX
        ):
            return found
    except NotFound:
        pass
    raise NotFound(f"There is no collection {name[:255]!r}.")


def with_record(schema: Collection, record: CollectionRecord) -> Collection:
    """The engine's schema with what only the record knows."""
    recorded = {item["name"]: item for item in record.schema.get("fields", ())}
    fields = tuple(
        dataclasses.replace(
            field,
            default=record.defaults.get(field.name),
            # Milvus Lite forgets how long the elements of an array may be.
            max_length=field.max_length or recorded.get(field.name, {}).get("max_length"),
        )
        for field in schema.fields
    )
    description = record.description or schema.description
    consistency = Consistency(record.schema.get("consistency", schema.consistency))  # Milvus Lite keeps none
    return dataclasses.replace(
        schema, fields=fields, auto_id=record.auto_id, description=description, consistency=consistency
    )


def embedding_of(record: CollectionRecord) -> EmbeddingSpec | None:
    return EmbeddingSpec(**record.embedding) if record.embedding else None


def schema_as_json(schema: Collection) -> dict[str, Any]:
    """The schema as recorded: plain data, for display and for finding drift."""
    data = dataclasses.asdict(schema)
    data["fields"] = [
        {key: value for key, value in dataclasses.asdict(field).items() if value not in (None, False, "")}
        for field in schema.fields
    ]
    return data


def adopt(scope: Scope, found: EngineCollection) -> CollectionRecord:
    """The record of a collection; one that was made elsewhere gets its record here.

    A collection that was dropped and made again behind the gateway's back has another engine id: its record
    starts afresh, because the old settings belong to the old collection.
    """
    where = {"cluster": scope.cluster, "database": scope.database, "name": found.schema.name}
    record = CollectionRecord.objects.filter(**where).first()
    if record is not None and record.engine_id == found.engine_id:
        return record
    if record is not None and record.engine_id == PENDING:  # its maker is at work, or crashed after Milvus made it
        return record
    schema = schema_as_json(found.schema)
    if record is not None:
        record.delete()
    try:
        with transaction.atomic():
            return CollectionRecord.objects.create(
                **where,
                engine_id=found.engine_id,
                description=found.schema.description,
                schema=schema,
                defaults={f.name: f.default for f in found.schema.fields if f.default is not None},
                adopted=True,
            )
    except IntegrityError:  # another process was first
        return CollectionRecord.objects.get(**where)
