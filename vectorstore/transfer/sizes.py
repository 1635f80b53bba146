"""How much is held in memory at once."""

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType

WRITE_BYTES = 32 * 1024 * 1024
"""About what one write to Milvus carries: its limit for a message is 64 MB, and texts vary."""
MAX_ROW_BYTES = 16 * 1024 * 1024
"""The longest row of a file, as text."""
PIECE_TEXT_BYTES = 32 * 1024 * 1024
"""As much text makes one piece at most, however few its rows."""
_MOST_ROWS = 16_384


def rows_at_once(collection: Collection) -> int:
    """How many rows are read, checked and written together."""
    return max(1, min(_MOST_ROWS, WRITE_BYTES // sum(_width(field) for field in collection.fields)))


def _width(field: Field) -> int:
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
