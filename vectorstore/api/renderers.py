"""JSON out, by orjson."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import orjson
from rest_framework.renderers import BaseRenderer

_FAST = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z


def encode(value: Any) -> bytes:
    """``value`` as UTF-8 JSON, with dataclasses, datetimes and numpy arrays; NaN and infinity become null."""
    try:
        return orjson.dumps(value, option=_FAST)
    except TypeError:
        # Integers beyond 64 bits and mappings with integer keys (sparse vectors): rare, and orjson's
        # option for the latter slows down every other answer.
        return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


class JSONRenderer(BaseRenderer):
    """Django REST framework's face of ``encode``."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else encode(data)
