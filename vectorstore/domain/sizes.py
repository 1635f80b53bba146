"""How large rows are, about."""

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType


def row_bytes(collection: Collection) -> int:
    """Bytes of a row on the wire; a text counts as 256."""
    return sum(value_bytes(field) for field in collection.fields)


def value_bytes(field: Field) -> int:
    """Bytes of one value of the field; a text, JSON, an array and a sparse vector count as 256."""
    dimension = field.dimension or 0
    if field.type is DataType.FLOAT_VECTOR:
        return 4 * dimension
    if field.type in (DataType.FLOAT16_VECTOR, DataType.BFLOAT16_VECTOR):
        return 2 * dimension
    if field.type is DataType.BINARY_VECTOR:
        return dimension // 8
    if field.type in (DataType.VARCHAR, DataType.JSON, DataType.ARRAY, DataType.SPARSE_FLOAT_VECTOR):
        return 256
    return 8
