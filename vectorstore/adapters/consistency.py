"""Consistency levels as Milvus's guarantee timestamps."""

import time

from pymilvus.grpc_gen import common_pb2

from vectorstore.domain.models import Consistency

# Special timestamps of Milvus's proxy: now, whatever is there, and now less the staleness window.
_STRONG, _EVENTUALLY, _BOUNDED = 0, 1, 2
_LOGICAL_BITS = 18  # a hybrid timestamp is milliseconds since 1970, shifted by the logical counter
_REMEMBER_S = 60.0


def guarantee(level: Consistency, after: int) -> tuple[int, int]:
    """(guarantee_timestamp, consistency_level) for a read.

    ``after`` is the engine's timestamp of this gateway's last write to the collection, 0 where none is
    known. Bounded and Session reads wait until that write is visible, which costs nothing once it is old.
    """
    if level == Consistency.STRONG:
        return _STRONG, common_pb2.Strong
    if level == Consistency.EVENTUALLY:
        return _EVENTUALLY, common_pb2.Eventually
    written_s = (after >> _LOGICAL_BITS) / 1000
    if after and time.time() - written_s < _REMEMBER_S:
        return after, common_pb2.Session
    return _BOUNDED, common_pb2.Bounded
