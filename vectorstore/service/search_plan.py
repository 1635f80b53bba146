"""From a search request to the call that Milvus gets, with the reasons."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.config import index_config
from vectorstore.config.collection_config import MAX_QUERIES, MAX_WINDOW
from vectorstore.domain.collection import Field
from vectorstore.domain.errors import FieldError, InvalidRequest, NotFound
from vectorstore.domain.filters import Node, ids_in
from vectorstore.domain.models import IndexKind, IndexSpec, Metric, RowId
from vectorstore.domain.requests import HybridPart, RangeRequest, SearchRequest
from vectorstore.domain.rows import read_id
from vectorstore.domain.vector import VectorValue, read_vector
from vectorstore.optimization.query_optimizer import Choice, QueryOptimizer
from vectorstore.optimization.shared_state import State, shared_state
from vectorstore.service.answer_limits import check_answer
from vectorstore.service.catalogue import KnownCollection, consistency_for
from vectorstore.service.context import Scope
from vectorstore.service.embedding_rules import embedded_field
from vectorstore.service.embedding_service import EmbeddingService
from vectorstore.service.expressions import output_fields, read_filter, rooted, where

MAX_RANGE = MAX_WINDOW


@dataclass(frozen=True, slots=True)
class Plan:
    """The call and why it is so. ``without`` is the row that a search by stored row leaves out of its answer.

    ``reason`` says why the parameters are what they are.
    """

    query: VectorQuery
    reason: str
    index: IndexSpec | None
    filter: Node | None
    without: RowId | None


def check_window(limit: int, offset: int, pointer: str = "/limit") -> None:
    """Raises InvalidRequest unless limit and offset are within Milvus's window."""
    name = pointer.rsplit("/", 1)[-1]
    if not 1 <= limit <= MAX_WINDOW:
        raise InvalidRequest.at(pointer, f"{name} is a whole number from 1 to {MAX_WINDOW}")
    if offset < 0 or limit + offset > MAX_WINDOW:
        detail = f"offset is not negative, and offset and {name} together are at most {MAX_WINDOW}"
        raise InvalidRequest.at("/offset", detail)


def plan_search(scope: Scope, known: KnownCollection, state: State, request: SearchRequest) -> Plan:
    """Check a search against the schema and choose what it leaves open.

    Raises:
        InvalidRequest, InvalidFilter: what is wrong and where.
        NotFound: the stored row of a search by id is not there.
    """
    check_window(request.top_k, request.offset, "/top_k")
    known.require_partitions(request.partitions)
    field, vectors, without = _queries(scope, known, state, request, request.vectors)
    if request.group_by is not None and known.visible.field(request.group_by) is None:
        raise InvalidRequest.at("/group_by", "rows are grouped by a scalar field of the schema")
    limit = request.top_k + (without is not None)
    index = known.indexes.get(field.name)
    node = read_filter(known, request.filter, request.filters)
    choice = _choice(scope, known, field, request.params, limit + request.offset, request.recall_target)
    fields = output_fields(known, request.output_fields, default_all=False)
    check_answer(known, fields, request.top_k * len(vectors), rows_named="top_k")
    return Plan(
        query=VectorQuery(
            field=field,
            vectors=vectors,
            limit=min(limit, MAX_WINDOW - request.offset),
            offset=request.offset,
            params=choice.params,
            output_fields=fields,
            group_by=request.group_by,
            **_where(known, state, request, node),
        ),
        reason=choice.reason,
        index=index,
        filter=node,
        without=without,
    )


def plan_range(scope: Scope, known: KnownCollection, state: State, request: RangeRequest) -> Plan:
    """As ``plan_search``, for every row within a radius (L2: below it, IP and COSINE: above it)."""
    check_window(request.limit, 0)
    known.require_partitions(request.partitions)
    field, vectors, without = _queries(scope, known, state, request, None)
    index = known.indexes.get(field.name)
    metric = index.metric if index else Metric.COSINE
    inner = request.range_filter
    if inner is not None and (inner <= request.radius if metric.larger_is_nearer else inner >= request.radius):
        side = "above" if metric.larger_is_nearer else "below"
        raise InvalidRequest.at("/range_filter", f"for {metric} the range_filter lies {side} the radius")
    limit = min(request.limit + (without is not None), MAX_WINDOW)
    node = read_filter(known, request.filter, request.filters)
    choice = _choice(scope, known, field, request.params, limit, request.recall_target)
    fields = output_fields(known, request.output_fields, default_all=False)
    check_answer(known, fields, request.limit, rows_named="limit")
    ring: dict[str, Any] = {"radius": request.radius}
    if inner is not None:
        ring["range_filter"] = inner
    return Plan(
        query=VectorQuery(
            field=field,
            vectors=vectors,
            limit=limit,
            params=choice.params | ring,
            output_fields=fields,
            **_where(known, state, request, node),
        ),
        reason=choice.reason,
        index=index,
        filter=node,
        without=without,
    )


def plan_part(
    scope: Scope, known: KnownCollection, part: HybridPart, shared: Node | None, common: dict[str, Any], at: str
) -> Plan:
    """One part of a hybrid search; ``shared`` is the filter of the whole, ``common`` what else all parts share."""
    check_window(part.top_k, 0, f"{at}/top_k")
    if (part.vector is None) == (part.text is None):
        raise InvalidRequest.at(at, "give exactly one of vector and text")
    if part.text is not None:
        field, vector = _embed(scope, known, part.text, f"{at}/text")
    else:
        field = known.vector_field(part.field, f"{at}/field")
        vector = _read(part.vector, field, f"{at}/vector")
    with rooted(at):
        mine = read_filter(known, part.filter, part.filters)
    choice = _choice(scope, known, field, part.params, part.top_k, None)
    return Plan(
        query=VectorQuery(
            field=field,
            vectors=[vector],
            limit=part.top_k,
            params=choice.params,
            **where(known, shared, mine),
            **common,
        ),
        reason=choice.reason,
        index=known.indexes.get(field.name),
        filter=mine,
        without=None,
    )


def _where(
    known: KnownCollection, state: State, request: SearchRequest | RangeRequest, node: Node | None
) -> dict[str, Any]:
    return {
        **where(known, node),
        "partitions": request.partitions,
        "consistency": consistency_for(request.consistency, known, state),
        "after": state.written,
    }


def _queries(
    scope: Scope,
    known: KnownCollection,
    state: State,
    request: SearchRequest | RangeRequest,
    several: list[Any] | None,
) -> tuple[Field, list[Any], RowId | None]:
    given = [item for item in (request.vector, several, request.id, request.text) if item is not None]
    if len(given) != 1:
        names = "vector, vectors, id and text" if isinstance(request, SearchRequest) else "vector, id and text"
        raise InvalidRequest.at("", f"give exactly one of {names}")
    if request.text is not None:
        field, vector = _embed(scope, known, request.text, "/text")
        return field, [vector], None
    field = known.vector_field(request.field)
    if request.id is not None:
        identity, vector = _stored(scope, known, state, field, request.id)
        return field, [vector], identity
    if several is None:
        return field, [_read(request.vector, field, "/vector")], None
    if not 1 <= len(several) <= MAX_QUERIES:
        raise InvalidRequest.at("/vectors", f"give 1 to {MAX_QUERIES} vectors")
    errors, read = [], []
    for number, value in enumerate(several):
        try:
            read.append(read_vector(value, field.type, field.dimension))
        except ValueError as error:
            errors.append(FieldError(f"/vectors/{number}", "invalid", str(error)))
    if errors:
        raise InvalidRequest(f"{len(errors)} of {len(several)} vectors are invalid", errors=tuple(errors[:100]))
    return field, read, None


def _read(value: Any, field: Field, pointer: str) -> Any:
    try:
        return read_vector(value, field.type, field.dimension)
    except ValueError as error:
        raise InvalidRequest.at(pointer, str(error)) from None


def _embed(scope: Scope, known: KnownCollection, text: str, pointer: str) -> tuple[Field, Any]:
    if known.embedding is None:
        raise InvalidRequest.at(pointer, "the collection has no embedding configured; search by vector")
    if not text.strip():
        raise InvalidRequest.at(pointer, "the text is empty")
    field = embedded_field(known.embedding, known.visible)
    try:
        vector = EmbeddingService(scope).embed_query(known.embedding, text)
    except InvalidRequest as error:
        if error.errors:  # the embedding's own settings are wrong, not the text
            raise
        raise InvalidRequest.at(pointer, error.detail) from None
    return field, _read(vector, field, pointer)


def _stored(scope: Scope, known: KnownCollection, state: State, field: Field, given: RowId) -> tuple[RowId, Any]:
    """The vector of a stored row."""
    primary = known.schema.primary
    try:
        identity = read_id(given, primary)
    except ValueError as error:
        raise InvalidRequest.at("/id", str(error)) from None
    query = RowQuery(
        **where(known, ids_in(primary, [identity])),
        output_fields=[primary.name, field.name],
        limit=1,
        consistency=consistency_for(None, known, state),
        after=state.written,
    )
    rows = known.engine.adapter.query(scope.database, known.schema, query)
    if not rows or rows[0].get(field.name) is None:
        raise NotFound("There is no row of that id with a vector to search by.")
    return identity, read_vector(rows[0][field.name], field.type, field.dimension)


def _choice(
    scope: Scope, known: KnownCollection, field: Field, given: dict[str, Any], top_k: int, recall_target: float | None
) -> Choice:
    if recall_target is not None and not 0 < recall_target <= 1:
        raise InvalidRequest.at("/recall_target", "recall_target is above 0 and at most 1")
    index = known.indexes.get(field.name)
    wrong = [] if index is None or index.kind is IndexKind.AUTO else index_config.search_errors(index.kind, given)
    errors = [FieldError(f"/params/{name}", "invalid", detail) for name, detail in wrong]
    if errors:
        raise InvalidRequest("; ".join(error.detail for error in errors), errors=tuple(errors))
    if recall_target is not None:
        shared_state().want_recall(scope.address(known.schema.name), field.name)
    optimizer = QueryOptimizer(index, known.curves.get(field.name), tells_rows=known.is_whole)
    return optimizer.choose(given, top_k, recall_target)


def vector_as_json(values: VectorValue) -> Any:
    """A vector of the Python API as a request carries it."""
    if isinstance(values, np.ndarray):
        return values.tolist()
    if isinstance(values, dict):
        return {str(index): weight for index, weight in values.items()}
    return values
