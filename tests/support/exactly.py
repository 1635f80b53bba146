"""Equal in value and in type."""

import math
import struct
from typing import Any

from vectorstore.domain.models import SearchHit


def exactly(value: Any) -> Any:
    """With types, and with floats as bits, so that -0.0 and 0.0, 1 and 1.0, True and 1 are told apart."""
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else struct.pack("<d", value))
    if isinstance(value, SearchHit):
        return exactly([value.id, value.score, value.fields])
    if isinstance(value, list):
        return [exactly(item) for item in value]
    if isinstance(value, dict):
        return [(exactly(key), exactly(item)) for key, item in value.items()]  # in its order
    return (type(value).__name__, value)
