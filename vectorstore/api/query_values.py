"""Parameters of the query string, read as what they are to be."""

import math
from datetime import datetime

from django.utils.dateparse import parse_datetime

from vectorstore.domain.errors import InvalidRequest


def as_text(name: str, value: str) -> str:
    """Raises InvalidRequest where no column could hold it."""
    if "\0" in value or len(value) > 255:
        raise InvalidRequest.at(f"?{name}", f"{name} has at most 255 characters, none of them U+0000")
    return value


def as_time(name: str, value: str) -> datetime:
    """Raises InvalidRequest unless it is a date and time of ISO 8601."""
    try:
        found = parse_datetime(value)
    except ValueError:
        found = None
    if found is None:
        raise InvalidRequest.at(f"?{name}", f"{name} is a time such as 2030-01-31T00:00:00Z")
    return found


def as_ms(name: str, value: str) -> float:
    """Raises InvalidRequest unless it is a number of milliseconds."""
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise InvalidRequest.at(f"?{name}", f"{name} is a number of milliseconds from 0", "range")
    return found
