"""What of a collection an engine takes as it is, what it gets in its place, and what it cannot have."""

from dataclasses import dataclass, replace

from vectorstore.adapters.capabilities import Capabilities
from vectorstore.config.index_config import RULES
from vectorstore.domain.collection import Field
from vectorstore.domain.definition import Definition
from vectorstore.domain.errors import FieldError, UnsupportedByEngine
from vectorstore.domain.models import METRICS_BY_TYPE, DataType, IndexKind, IndexSpec

NEAREST: dict[IndexKind, tuple[IndexKind, ...]] = {
    IndexKind.IVF_PQ: (IndexKind.IVF_SQ8, IndexKind.IVF_FLAT),
    IndexKind.IVF_SQ8: (IndexKind.IVF_FLAT,),
    IndexKind.HNSW_PQ: (IndexKind.HNSW_SQ, IndexKind.HNSW),
    IndexKind.HNSW_SQ: (IndexKind.HNSW,),
    IndexKind.SCANN: (IndexKind.HNSW, IndexKind.IVF_FLAT),
    IndexKind.DISKANN: (IndexKind.HNSW,),
    IndexKind.HNSW: (IndexKind.IVF_FLAT,),
    IndexKind.SPARSE_WAND: (IndexKind.SPARSE_INVERTED_INDEX,),
    IndexKind.BIN_IVF_FLAT: (IndexKind.BIN_FLAT,),
}
"""Which kinds stand in for one that an engine lacks, the nearest first; FLAT where none of them is there."""

_FLAT = {
    DataType.BINARY_VECTOR: IndexKind.BIN_FLAT,
    DataType.SPARSE_FLOAT_VECTOR: IndexKind.SPARSE_INVERTED_INDEX,
}


@dataclass(frozen=True, slots=True)
class Fit:
    """``definition`` as the engine takes it; ``warnings`` say what is not as it was."""

    definition: Definition
    warnings: tuple[str, ...]


def fit(definition: Definition, able: Capabilities) -> Fit:
    """
    Raises:
        UnsupportedByEngine: naming each field that the engine cannot hold; nothing was made.
    """
    schema = definition.schema
    errors = [problem for field in schema.fields if (problem := _problem(field, able))]
    if len(schema.vector_fields) > 1 and not able.several_vector_fields:
        names = ", ".join(field.name for field in schema.vector_fields)
        errors.append(FieldError("/fields", "unsupported_by_engine", f"it holds one vector field, not {names}"))
    if errors:
        named = "; ".join(f"{error.pointer.rsplit('/', 1)[-1]}: {error.detail}" for error in errors)
        raise UnsupportedByEngine(
            f"The engine of the target cannot hold the collection ({named}); nothing was made.", errors=tuple(errors)
        )
    warnings: list[str] = []
    indexes = tuple(_index(spec, schema.field(spec.field), able, warnings) for spec in definition.indexes)
    replicas = definition.replicas
    if replicas > 1 and not able.replicas:
        warnings.append(f"{replicas} replicas were kept; the engine keeps one")
        replicas = 1
    return Fit(replace(definition, indexes=indexes, replicas=replicas), tuple(warnings))


def plain_index(field: Field) -> IndexSpec:
    """The index of a vector field that every engine has and that is built soonest."""
    return IndexSpec(
        field=field.name, kind=_FLAT.get(field.type, IndexKind.FLAT), metric=METRICS_BY_TYPE[field.type][0], params={}
    )


def _problem(field: Field, able: Capabilities) -> FieldError | None:
    where = f"/fields/{field.name}"
    if field.type.is_vector and field.type not in able.vector_types:
        kinds = ", ".join(able.vector_types)
        return FieldError(where, "unsupported_by_engine", f"it has no {field.type}; it has {kinds}")
    if field.nullable and not able.nullable:
        return FieldError(where, "unsupported_by_engine", "it has no nullable fields")
    return None


def _index(spec: IndexSpec, field: Field | None, able: Capabilities, warnings: list[str]) -> IndexSpec:
    if spec.kind in able.index_kinds or spec.kind is IndexKind.AUTOINDEX:
        return spec
    flat = _FLAT.get(field.type, IndexKind.FLAT) if field is not None else IndexKind.FLAT
    kind = next((near for near in NEAREST.get(spec.kind, ()) if near in able.index_kinds), flat)
    params = {name: spec.params.get(name, rule.default) for name, rule in RULES[kind].build.items()}
    if kind is IndexKind.HNSW_SQ:
        params["sq_type"] = "SQ8"
    warnings.append(f"the index of {spec.field} was {spec.kind}, which the engine lacks; it is {kind} instead")
    return replace(spec, kind=kind, params=params)
