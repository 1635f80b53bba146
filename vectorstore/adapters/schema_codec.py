"""``Collection`` to and from Milvus's schema messages."""

from typing import Any

from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import Consistency, DataType

DYNAMIC_FIELD = "$meta"

TYPE_NUMBERS: dict[DataType, int] = {
    DataType.BOOL: schema_pb2.Bool,
    DataType.INT8: schema_pb2.Int8,
    DataType.INT16: schema_pb2.Int16,
    DataType.INT32: schema_pb2.Int32,
    DataType.INT64: schema_pb2.Int64,
    DataType.FLOAT: schema_pb2.Float,
    DataType.DOUBLE: schema_pb2.Double,
    DataType.VARCHAR: schema_pb2.VarChar,
    DataType.ARRAY: schema_pb2.Array,
    DataType.JSON: schema_pb2.JSON,
    DataType.BINARY_VECTOR: schema_pb2.BinaryVector,
    DataType.FLOAT_VECTOR: schema_pb2.FloatVector,
    DataType.FLOAT16_VECTOR: schema_pb2.Float16Vector,
    DataType.BFLOAT16_VECTOR: schema_pb2.BFloat16Vector,
    DataType.SPARSE_FLOAT_VECTOR: schema_pb2.SparseFloatVector,
}
TYPES_BY_NUMBER = {number: kind for kind, number in TYPE_NUMBERS.items()}

CONSISTENCY_NUMBERS = {
    Consistency.STRONG: common_pb2.Strong,
    Consistency.SESSION: common_pb2.Session,
    Consistency.BOUNDED: common_pb2.Bounded,
    Consistency.EVENTUALLY: common_pb2.Eventually,
}
_CONSISTENCY_BY_NUMBER = {number: level for level, number in CONSISTENCY_NUMBERS.items()}


def key_values(values: dict[str, Any]) -> list[common_pb2.KeyValuePair]:
    """A dict as Milvus's list of pairs; values are sent as strings."""
    return [common_pb2.KeyValuePair(key=str(key), value=str(value)) for key, value in values.items()]


def encode_schema(collection: Collection) -> bytes:
    """The schema as ``CreateCollectionRequest.schema`` carries it. The engine never makes ids."""
    schema = schema_pb2.CollectionSchema(
        name=collection.name,
        description=collection.description,
        autoID=False,
        enable_dynamic_field=collection.dynamic_fields,
        fields=[encode_field(field) for field in collection.fields],
    )
    return bytes(schema.SerializeToString())


def encode_field(field: Field) -> schema_pb2.FieldSchema:
    """One field as Milvus's message."""
    params: dict[str, Any] = {}
    if field.dimension is not None and field.type is not DataType.SPARSE_FLOAT_VECTOR:
        params["dim"] = field.dimension
    if field.max_length is not None:
        params["max_length"] = field.max_length
    if field.max_capacity is not None:
        params["max_capacity"] = field.max_capacity
    message = schema_pb2.FieldSchema(
        name=field.name,
        description=field.description,
        data_type=TYPE_NUMBERS[field.type],
        is_primary_key=field.primary,
        is_partition_key=field.partition_key,
        nullable=field.nullable,
        type_params=key_values(params),
    )
    if field.element_type is not None:
        message.element_type = TYPE_NUMBERS[field.element_type]
    return message


def decode_collection(answer: milvus_pb2.DescribeCollectionResponse) -> Collection | None:
    """The schema that the engine reports, or None where it has a field type this version does not know."""
    fields = []
    for message in answer.schema.fields:
        if message.is_dynamic:
            continue
        field = _decode_field(message)
        if field is None:
            return None
        fields.append(field)
    return Collection(
        name=answer.schema.name,  # collection_name repeats the request's, which may be an alias
        fields=tuple(fields),
        description=answer.schema.description,
        dynamic_fields=answer.schema.enable_dynamic_field,
        engine_ids=answer.schema.autoID or any(message.autoID for message in answer.schema.fields),
        shards=answer.shards_num or 1,
        consistency=_CONSISTENCY_BY_NUMBER.get(answer.consistency_level, Consistency.BOUNDED),
        properties={pair.key: pair.value for pair in answer.properties},
    )


def _decode_field(message: schema_pb2.FieldSchema) -> Field | None:
    kind = TYPES_BY_NUMBER.get(message.data_type)
    if kind is None:
        return None
    params = {pair.key: pair.value for pair in message.type_params}

    def number(key: str) -> int | None:
        return int(params[key]) if key in params else None

    return Field(
        name=message.name,
        type=kind,
        primary=message.is_primary_key,
        dimension=number("dim") if kind.is_vector else None,
        max_length=number("max_length"),
        element_type=TYPES_BY_NUMBER.get(message.element_type) if kind is DataType.ARRAY else None,
        max_capacity=number("max_capacity"),
        nullable=message.nullable,
        default=_decode_default(message),
        partition_key=message.is_partition_key,
        description=message.description,
    )


def _decode_default(message: schema_pb2.FieldSchema) -> Any:
    if not message.HasField("default_value"):
        return None
    which = message.default_value.WhichOneof("data")
    return getattr(message.default_value, which) if which else None
