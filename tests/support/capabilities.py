"""What an engine may answer to the probe, for tests of the rules that depend on it."""

from vectorstore.adapters.capabilities import Capabilities
from vectorstore.domain.filters import Dialect
from vectorstore.domain.models import DataType, IndexKind, Metric

EVERYTHING = Capabilities(
    version="v2.6.10",
    index_kinds=tuple(kind for kind in IndexKind if kind is not IndexKind.AUTO),
    vector_types=tuple(kind for kind in DataType if kind.is_vector),
    metrics=tuple(Metric),
    dialect=Dialect(),
    single_writer=False,
    forgets_loaded=False,
    insert_replaces=False,
    reads_largest_int64=True,
    several_vector_fields=True,
    hybrid_search=True,
    nullable=True,
    templates=True,
    truncate=True,
    add_field=True,
    segments=True,
    replicas=True,
    resource_groups=True,
    users=True,
    timestamps=True,
)
