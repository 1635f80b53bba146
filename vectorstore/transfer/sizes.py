"""How much is held in memory at once."""

from vectorstore.domain.collection import Collection
from vectorstore.domain.sizes import row_bytes

WRITE_BYTES = 32 * 1024 * 1024
"""About what one write to Milvus carries: its limit for a message is 64 MB, and texts vary."""
MAX_ROW_BYTES = 16 * 1024 * 1024
"""The longest row of a file, as text."""
PIECE_TEXT_BYTES = 32 * 1024 * 1024
"""As much text makes one piece at most, however few its rows."""
_MOST_ROWS = 16_384


def rows_at_once(collection: Collection) -> int:
    """How many rows are read, checked and written together."""
    return max(1, min(_MOST_ROWS, WRITE_BYTES // row_bytes(collection)))
