"""From a request to create a collection to a checked ``Collection`` and its index."""

from dataclasses import replace
from typing import Any

from vectorstore.adapters.capabilities import Capabilities
from vectorstore.config import collection_config as limits
from vectorstore.config import index_candidates, index_config
from vectorstore.config.settings import current
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import FieldError, InvalidRequest, UnsupportedByEngine
from vectorstore.domain.models import METRICS_BY_TYPE, DataType, IndexKind, IndexSpec, Metric
from vectorstore.domain.requests import CollectionSpec, FieldSpec, IndexRequest
from vectorstore.domain.values import read_scalar

_ELEMENT_TYPES = tuple(kind for kind in DataType if not kind.is_vector and kind not in (DataType.JSON, DataType.ARRAY))
_SHORT = {"/fields/1/dimension": "/dimension"}
_KEY_TYPES = (DataType.INT64, DataType.VARCHAR)


class _Errors:
    def __init__(self) -> None:
        self.items: list[FieldError] = []
        self.unsupported = False

    def add(self, pointer: str, detail: str, *, unsupported: bool = False) -> None:
        code = UnsupportedByEngine.code if unsupported else "invalid"
        self.items.append(FieldError(pointer, code, detail))
        self.unsupported |= unsupported

    def raise_any(self) -> None:
        if self.items:
            kind = UnsupportedByEngine if self.unsupported else InvalidRequest
            raise kind("; ".join(item.detail for item in self.items[:3]), errors=tuple(self.items))


def require_name(name: str, pointer: str = "/name") -> None:
    """Raises InvalidRequest with the rule unless Milvus takes the name."""
    if not limits.is_valid_name(name):
        raise InvalidRequest.at(pointer, f"{name[:64]!r} is no valid name: a name {limits.NAME_RULE}")


def require_replicas(replicas: int, capabilities: Capabilities) -> None:
    """Raises InvalidRequest or UnsupportedByEngine unless the engine can keep that many."""
    if not 1 <= replicas <= limits.MAX_REPLICAS:
        raise InvalidRequest.at("/replicas", f"replicas is a whole number from 1 to {limits.MAX_REPLICAS}")
    if replicas > 1 and not capabilities.replicas:
        raise UnsupportedByEngine("the connected engine keeps one replica only")


def read_spec(spec: CollectionSpec, capabilities: Capabilities) -> tuple[Collection, list[IndexSpec]]:
    """The schema and one index for each vector field.

    Raises:
        InvalidRequest: naming every rule that is broken.
        UnsupportedByEngine: naming what the connected engine has instead.
    """
    errors = _Errors()
    if not limits.is_valid_name(spec.name):
        errors.add("/name", f"{spec.name[:64]!r} is no valid name: a name {limits.NAME_RULE}")
    specs = spec.fields if spec.fields is not None else _short_form(spec, errors)
    if spec.fields is not None or spec.dimension is not None:
        _check_fields(specs, capabilities, errors)
    if spec.fields is None:  # the caller wrote no fields: what is wrong with them is said of the short form
        errors.items = [replace(item, pointer=_SHORT.get(item.pointer, item.pointer)) for item in errors.items]
    shards = spec.shards or limits.shards_for(spec.expected_rows, current().milvus_collection_shards)
    for value, low, high, pointer in (
        (shards, 1, limits.MAX_SHARDS, "/shards"),
        (spec.replicas, 1, limits.MAX_REPLICAS, "/replicas"),
        (spec.expected_rows, 0, 10**12, "/expected_rows"),
    ):
        if value is not None and not low <= value <= high:
            errors.add(pointer, f"{pointer[1:]} is a whole number from {low} to {high}")
    if (spec.replicas or 1) > 1 and not capabilities.replicas:
        errors.add("/replicas", "the connected engine keeps one replica only", unsupported=True)
    errors.raise_any()
    collection = Collection(
        name=spec.name,
        fields=tuple(_field(item) for item in specs),
        description=spec.description,
        dynamic_fields=spec.dynamic_fields,
        auto_id=spec.auto_id or any(item.auto_id for item in specs),
        shards=shards,
        consistency=spec.consistency,
        properties=dict(spec.properties),
    )
    return collection, _indexes(spec, collection, capabilities)


def _short_form(spec: CollectionSpec, errors: _Errors) -> list[FieldSpec]:
    if spec.dimension is None:
        errors.add("/dimension", "give dimension (short form) or fields (full form)")
        return []
    return [
        FieldSpec(name="id", type=DataType.VARCHAR, max_length=limits.DEFAULT_VARCHAR_ID_BYTES, primary=True),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=spec.dimension),
    ]


def _field(item: FieldSpec) -> Field:
    max_length = item.max_length
    if max_length is None and DataType.VARCHAR in (item.type, item.element_type):
        max_length = limits.DEFAULT_VARCHAR_ID_BYTES if item.primary else limits.MAX_VARCHAR_BYTES
    capacity = item.max_capacity
    if capacity is None and item.type is DataType.ARRAY:
        capacity = limits.MAX_ARRAY_CAPACITY
    return Field(
        name=item.name,
        type=item.type,
        primary=item.primary,
        dimension=item.dimension,
        max_length=max_length,
        element_type=item.element_type,
        max_capacity=capacity,
        nullable=item.nullable,
        default=item.default,
        partition_key=item.partition_key,
        description=item.description,
    )


def _check_fields(specs: list[FieldSpec], capabilities: Capabilities, errors: _Errors) -> None:
    if len(specs) > limits.MAX_FIELDS:
        errors.add("/fields", f"a collection has at most {limits.MAX_FIELDS} fields")
    seen: set[str] = set()
    for index, item in enumerate(specs):
        pointer = f"/fields/{index}"
        if not limits.is_valid_name(item.name):
            errors.add(f"{pointer}/name", f"{item.name[:64]!r} is no valid name: a name {limits.NAME_RULE}")
        elif item.name.lower() in limits.FILTER_WORDS:
            errors.add(f"{pointer}/name", f"{item.name!r} is a word of the filter language; choose another name")
        if item.name in seen:
            errors.add(f"{pointer}/name", f"the name {item.name!r} is used twice")
        seen.add(item.name)
        _check_field(item, pointer, capabilities, errors)
    if sum(item.primary for item in specs) != 1:
        errors.add("/fields", "exactly one field is the primary key")
    vectors = [item for item in specs if item.type.is_vector]
    if not vectors:
        errors.add("/fields", "a collection has at least one vector field")
    if len(vectors) > limits.MAX_VECTOR_FIELDS:
        errors.add("/fields", f"a collection has at most {limits.MAX_VECTOR_FIELDS} vector fields")
    elif len(vectors) > 1 and not capabilities.several_vector_fields:
        errors.add("/fields", "the connected engine has one vector field per collection", unsupported=True)
    if sum(item.partition_key for item in specs) > 1:
        errors.add("/fields", "at most one field is the partition key")


def _check_field(item: FieldSpec, pointer: str, capabilities: Capabilities, errors: _Errors) -> None:
    def outside(value: int | None, low: int, high: int) -> bool:
        return value is not None and not low <= value <= high

    if item.type.is_vector:
        _check_vector_field(item, pointer, capabilities, errors)
    elif item.dimension is not None:
        errors.add(f"{pointer}/dimension", f"a {item.type} field has no dimension")
    if (item.primary or item.partition_key) and item.type not in _KEY_TYPES:
        errors.add(f"{pointer}/type", "a primary or partition key is INT64 or VARCHAR")
    if item.primary and item.partition_key:
        errors.add(f"{pointer}/partition_key", "the primary key cannot be the partition key")
    if item.primary and item.nullable:
        errors.add(f"{pointer}/nullable", "the primary key cannot be null")
    if item.auto_id and not item.primary:
        errors.add(f"{pointer}/auto_id", "only the primary key can have auto_id")
    if item.nullable and not capabilities.nullable:
        errors.add(f"{pointer}/nullable", "the connected engine has no nullable fields", unsupported=True)
    if outside(item.max_length, 1, limits.MAX_VARCHAR_BYTES):
        errors.add(f"{pointer}/max_length", f"max_length is 1 to {limits.MAX_VARCHAR_BYTES} bytes")
    if item.type is DataType.ARRAY:
        if item.element_type not in _ELEMENT_TYPES:
            errors.add(f"{pointer}/element_type", f"element_type is one of {', '.join(_ELEMENT_TYPES)}")
        if outside(item.max_capacity, 1, limits.MAX_ARRAY_CAPACITY):
            errors.add(f"{pointer}/max_capacity", f"max_capacity is 1 to {limits.MAX_ARRAY_CAPACITY}")
    elif item.element_type is not None or item.max_capacity is not None:
        errors.add(pointer, "element_type and max_capacity belong to ARRAY fields")
    if item.default is not None:
        _check_default(item, pointer, errors)


def _check_default(item: FieldSpec, pointer: str, errors: _Errors) -> None:
    if item.primary or item.type.is_vector or item.type in (DataType.JSON, DataType.ARRAY):
        errors.add(f"{pointer}/default", f"a {item.type} field or a primary key has no default")
        return
    try:
        read_scalar(item.default, _field(item))
    except ValueError as error:
        errors.add(f"{pointer}/default", f"the default does not fit the field: {error}")


def _check_vector_field(item: FieldSpec, pointer: str, capabilities: Capabilities, errors: _Errors) -> None:
    at = f"{pointer}/dimension"
    if item.type not in capabilities.vector_types:
        has = ", ".join(capabilities.vector_types)
        errors.add(f"{pointer}/type", f"the connected engine has no {item.type}; it has {has}", unsupported=True)
    if item.type is DataType.SPARSE_FLOAT_VECTOR:
        if item.dimension is not None:
            errors.add(at, "a sparse vector has no fixed dimension")
    elif item.dimension is None or not 1 <= item.dimension <= limits.MAX_DIMENSION:
        errors.add(at, f"dimension is a whole number from 1 to {limits.MAX_DIMENSION}")
    elif item.type is DataType.BINARY_VECTOR and item.dimension % 8:
        errors.add(at, "the dimension of a binary vector is a multiple of 8")


def _indexes(spec: CollectionSpec, collection: Collection, capabilities: Capabilities) -> list[IndexSpec]:
    asked = spec.index or IndexRequest()
    names = [field.name for field in collection.vector_fields]
    if asked.field is not None and asked.field not in names:
        raise InvalidRequest.at(
            "/index/field", f"{asked.field[:255]!r} is no vector field; there is {', '.join(names)}"
        )
    found = []
    for field in collection.vector_fields:
        mine = asked.field == field.name or (asked.field is None and field.name == names[0])
        request = asked if mine else IndexRequest()
        metric = request.metric or spec.metric
        if metric not in METRICS_BY_TYPE[field.type] and not (mine and metric is not None):
            metric = None
        found.append(index_for(field, request, metric, spec.expected_rows, capabilities, "/index"))
    return found


def index_for(
    field: Field,
    request: IndexRequest,
    metric: Metric | None,
    expected_rows: int | None,
    capabilities: Capabilities,
    pointer: str = "",
) -> IndexSpec:
    """The index to build on ``field``: as asked, or chosen where the kind is AUTO.

    Raises:
        InvalidRequest: the kind, metric or a parameter does not fit the field.
        UnsupportedByEngine: the engine lacks it; the detail names what it has.
    """
    errors = _Errors()
    possible = METRICS_BY_TYPE[field.type]
    chosen_metric = metric or (Metric.COSINE if Metric.COSINE in possible else possible[0])
    if chosen_metric not in possible:
        errors.add(f"{pointer}/metric", f"{field.type} is compared by {', '.join(possible)}, not {chosen_metric}")
    elif chosen_metric not in capabilities.metrics:
        has = ", ".join(item for item in possible if item in capabilities.metrics)
        errors.add(f"{pointer}/metric", f"the connected engine has no {chosen_metric}; it has {has}", unsupported=True)
    kind, params = request.type, dict(request.params)
    fitting = [item for item in capabilities.index_kinds if field.type in index_config.RULES[item].types]
    if kind is IndexKind.AUTO:
        if params:
            errors.add(f"{pointer}/params", "with AUTO the parameters are chosen too; name a kind to give your own")
        kind, params = index_candidates.choose(field.type, field.dimension, expected_rows, fitting)
    elif field.type not in index_config.RULES[kind].types:
        errors.add(f"{pointer}/type", f"{kind} does not index {field.type}; {', '.join(fitting)} do")
    elif kind not in capabilities.index_kinds:
        detail = f"the connected engine has no {kind}; it has {', '.join(['AUTO', *fitting])}"
        errors.add(f"{pointer}/type", detail, unsupported=True)
    else:
        for name, detail in index_config.build_errors(kind, params):
            errors.add(f"{pointer}/params/{name}", detail)
        params = _with_defaults(kind, params, field)
    errors.raise_any()
    return IndexSpec(field=field.name, kind=kind, metric=chosen_metric, params=params)


def _with_defaults(kind: IndexKind, params: dict[str, Any], field: Field) -> dict[str, Any]:
    full = {name: rule.default for name, rule in index_config.RULES[kind].build.items()} | params
    if "m" in full and "m" not in params and field.dimension:  # parts must divide the dimension
        full["m"] = next(part for part in (16, 8, 4, 2, 1) if field.dimension % part == 0)
    return full
