"""Milvus's errors, translated once. Its own words go to the log and never to a caller."""

import logging
import re

import grpc
from pymilvus.grpc_gen import common_pb2

from vectorstore.domain.errors import (
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    EngineFailed,
    EngineUnavailable,
    InvalidFilter,
    InvalidRequest,
    NotFound,
    NotLoaded,
    OutcomeUnknown,
    Overloaded,
    PayloadTooLarge,
    UnsupportedByEngine,
    VectorStoreError,
)

log = logging.getLogger(__name__)

RETRY_AFTER_S = 2.0

# Codes of milvus-proto: the new numbers (Status.code) and the legacy enum (Status.error_code) beside them.
_BY_CODE: dict[int, tuple[type[VectorStoreError], str]] = {
    4: (NotFound, "There is no such collection."),
    100: (NotFound, "There is no such collection."),
    101: (NotLoaded, "The collection is not loaded; load it first."),
    200: (NotFound, "There is no such partition."),
    700: (NotFound, "There is no such index."),
    11: (NotFound, "There is no such index."),
    800: (NotFound, "There is no such database."),
    1600: (NotFound, "There is no such alias."),
    1601: (AlreadyExists, "The alias exists already or is a collection's name."),
}

_REFUSED_FILTER = "Milvus refused the filter: the connected engine does not support this expression."
_NOT_LOADED = "The collection is not loaded; load it first."

# Milvus before 2.4 and Milvus Lite answer many cases with one catch-all code; their words tell them apart.
_BY_TEXT: tuple[tuple[str, type[VectorStoreError], str], ...] = (
    (r"cannot parse expression|create (query|expr) plan|failed to parse expr", InvalidFilter, _REFUSED_FILTER),
    (r"(^|\n).*at column \d+", InvalidFilter, _REFUSED_FILTER),
    (r"not loaded|collection .*released|has not been loaded", NotLoaded, _NOT_LOADED),
    (r"already exist|duplicate|is an alias|conflict with|same name", AlreadyExists, "The name is taken already."),
    (r"can't find|not found|not exist|doesn't exist", NotFound, "Milvus knows nothing of that name."),
    (r"alias.*drop|drop.*alias", Conflict, "Aliases point to the collection; remove them first."),
    (r"database.*not empty", Conflict, "The database is not empty; drop its collections first."),
    (r"invalid index type|unknown index_type|reserved for|not support", UnsupportedByEngine, "The engine lacks this."),
    (r"at most one distinct index|index already", AlreadyExists, "The field has an index already; drop it first."),
    (r"dropped on loaded|release it first", Conflict, "Release the collection first."),
    (r"no ?enough|insufficient|not enough", Conflict, "Milvus has not enough query nodes for this."),
    (r"rate limit|quota|too many requests", Overloaded, "Milvus is limiting the rate of requests."),
)

_TLS_REFUSED = r"handshake|certificate|hostname verification|unwrap failed"  # gRPC's words; Milvus was not reached

_RETRYABLE_CODES = {
    1,
    2,
    8,
    9,
    10,
    500,
    501,
    503,
}  # service not ready or unavailable, limits, channels and nodes moving


class RetryableStatus(Exception):
    """A status of Milvus that a repeat may mend; carries the translated error."""

    def __init__(self, error: VectorStoreError) -> None:
        super().__init__(str(error))
        self.error = error


def check_status(status: common_pb2.Status, call: str) -> None:
    """Raise what ``status`` means, or return when it is a success."""
    code = status.code or status.error_code
    if code == 0:
        return
    error = _translate(code, status.error_code, status.reason, call)
    level = logging.WARNING if isinstance(error, EngineFailed | Overloaded) else logging.DEBUG
    log.log(level, "milvus refused %s: code %s (legacy %s): %s", call, code, status.error_code, status.reason[:500])
    if status.retriable or (code in _RETRYABLE_CODES and isinstance(error, Overloaded | EngineUnavailable)):
        raise RetryableStatus(error)
    raise error


def _translate(code: int, legacy: int, reason: str, call: str) -> VectorStoreError:
    for number in (code, legacy):
        if number in _BY_CODE:
            kind, detail = _BY_CODE[number]
            return kind(detail, milvus_code=code)
    for pattern, kind, detail in _BY_TEXT:
        if re.search(pattern, reason, re.IGNORECASE):
            return kind(detail, milvus_code=code)
    if code in (8, 9):
        return Overloaded("Milvus is limiting the rate of requests.", milvus_code=code, retry_after=RETRY_AFTER_S)
    if code == 2:
        return EngineUnavailable("Milvus is not ready.", milvus_code=code, retry_after=RETRY_AFTER_S)
    if 1100 <= code < 1200 or code == 6:
        return InvalidRequest(f"Milvus refused a value of the request ({call}).", milvus_code=code)
    return EngineFailed(f"Milvus could not do this ({call}, code {code}); its log says why.", milvus_code=code)


def translate_rpc(error: grpc.RpcError, call: str, *, is_write: bool) -> VectorStoreError:
    """The error of a call that had no answer from Milvus at all."""
    code = error.code()
    details = error.details() or ""
    level = logging.DEBUG if code is grpc.StatusCode.UNIMPLEMENTED else logging.WARNING
    log.log(level, "milvus call %s failed: %s: %s", call, code.name, details[:500])
    never_sent = "failed to connect" in details.lower() or "connection refused" in details.lower()
    if code is grpc.StatusCode.UNAVAILABLE:
        if is_write and not never_sent:
            return OutcomeUnknown("Milvus went away during the write; it may or may not have been applied.")
        if re.search(_TLS_REFUSED, details, re.IGNORECASE):
            return EngineUnavailable(
                "No encrypted connection to Milvus could be made; check the certificate settings.",
                retry_after=RETRY_AFTER_S,
            )
        return EngineUnavailable("Milvus cannot be reached.", retry_after=RETRY_AFTER_S)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        if is_write:
            return OutcomeUnknown("Milvus did not answer the write in time; it may or may not have been applied.")
        return DeadlineExceeded("Milvus did not answer in time.", retry_after=RETRY_AFTER_S)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return UnsupportedByEngine(f"The connected engine has no {call}.")
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return EngineFailed("Milvus refused the gateway's own user; check MILVUS_USER and MILVUS_PASSWORD.")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return PayloadTooLarge(
            "The request or its answer is larger than Milvus carries in one message; make it smaller."
        )
    return EngineFailed(f"The call to Milvus failed ({call}).")


def is_transient(error: BaseException) -> bool:
    """Whether repeating a harmless call may help: the connection is gone or Milvus says so."""
    if isinstance(error, RetryableStatus):
        return True
    return isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.UNAVAILABLE
