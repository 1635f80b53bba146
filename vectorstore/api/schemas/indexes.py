"""An index as JSON."""

from typing import Any, TypedDict

from vectorstore.domain.models import IndexKind, IndexState, Metric


class IndexBody(TypedDict):
    """``state`` is ``Finished``, ``InProgress`` or ``Failed``; rows are counts, null for who may see some rows only."""

    field: str
    type: IndexKind
    metric: Metric
    params: dict[str, Any]
    state: str
    indexed_rows: int | None
    total_rows: int | None


def index_body(state: IndexState) -> IndexBody:
    return {
        "field": state.spec.field,
        "type": state.spec.kind,
        "metric": state.spec.metric,
        "params": state.spec.params,
        "state": state.state,
        "indexed_rows": state.indexed_rows,
        "total_rows": state.total_rows,
    }
