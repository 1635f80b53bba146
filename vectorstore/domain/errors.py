"""Every error the product raises on purpose.

Code raises; one table (``vectorstore.api.problems``) turns a code into HTTP. A message
is written for the caller: no driver text, no host names, no SQL.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong value in a request: ``pointer`` is an RFC 6901 JSON pointer such as ``/vectors/17/vector``."""

    pointer: str
    code: str
    detail: str


class VectorStoreError(Exception):
    """Base of all errors; ``detail`` says what is wrong and what to change."""

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        milvus_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.milvus_code = milvus_code
        self.retry_after = retry_after


class MalformedRequest(VectorStoreError):
    """The body or a parameter cannot be parsed at all."""

    code = "malformed"
    title = "Malformed request"


class InvalidRequest(VectorStoreError):
    """Well-formed, but a value breaks a rule; ``errors`` names each one."""

    code = "invalid"
    title = "Invalid value"

    @classmethod
    def at(cls, pointer: str, detail: str, code: str = "invalid") -> "InvalidRequest":
        """An error about one value."""
        return cls(detail, errors=(FieldError(pointer, code, detail),))


class InvalidFilter(InvalidRequest):
    """A filter that does not parse or does not fit the schema."""

    code = "invalid_filter"
    title = "Invalid filter"


class UnsupportedByEngine(InvalidRequest):
    """The connected engine lacks what was asked; the detail names what it has."""

    code = "unsupported_by_engine"
    title = "Not supported by the connected engine"


class NotAuthenticated(VectorStoreError):
    code = "not_authenticated"
    title = "Authentication required"


class PermissionDenied(VectorStoreError):
    code = "permission_denied"
    title = "Permission denied"


class NotFound(VectorStoreError):
    """Not there, or not visible to this caller: the two are never told apart."""

    code = "not_found"
    title = "Not found"


class AlreadyExists(VectorStoreError):
    code = "already_exists"
    title = "Already exists"


class Conflict(VectorStoreError):
    """The state forbids it now; the detail says which state."""

    code = "conflict"
    title = "Conflict"


class NotLoaded(Conflict):
    code = "not_loaded"
    title = "Collection not loaded"


class Protected(Conflict):
    code = "protected"
    title = "Collection is protected"


class PayloadTooLarge(VectorStoreError):
    code = "too_large"
    title = "Payload too large"


class Overloaded(VectorStoreError):
    """Too much is under way, here or in Milvus."""

    code = "overloaded"
    title = "Overloaded"
    retryable = True


class Throttled(VectorStoreError):
    """More requests than the caller's rate limit."""

    code = "throttled"
    title = "Too many requests"
    retryable = True


class AuditUnavailable(VectorStoreError):
    """The audit log cannot be written, and what cannot be recorded is not done."""

    code = "audit_unavailable"
    title = "The audit log cannot be written"
    retryable = True


class JournalUnavailable(VectorStoreError):
    """The journal cannot be written, and a write that could not be restored is not done."""

    code = "journal_unavailable"
    title = "The journal cannot be written"
    retryable = True


class JournalBroken(Conflict):
    """Part of the journal is missing or damaged; the detail names the first entry that cannot be had."""

    code = "journal_broken"
    title = "The journal is broken"


class WritesHeld(VectorStoreError):
    """A former write to the collection had no answer; until it is settled nothing else is written."""

    code = "writes_held"
    title = "Writes to the collection are held"
    retryable = True


class EngineUnavailable(VectorStoreError):
    """Milvus cannot be reached."""

    code = "engine_unavailable"
    title = "Milvus is unavailable"
    retryable = True


class EngineFailed(VectorStoreError):
    """Milvus answered with an error that the request does not explain."""

    code = "engine_failed"
    title = "Milvus answered with an error"


class DeadlineExceeded(VectorStoreError):
    """No answer within the deadline; nothing was changed by it."""

    code = "deadline_exceeded"
    title = "Deadline exceeded"
    retryable = True


class OutcomeUnknown(VectorStoreError):
    """A write had no answer: it may or may not have been applied."""

    code = "outcome_unknown"
    title = "Outcome unknown"


class DiskFull(VectorStoreError):
    """There is no room in the data folder of the gateway."""

    code = "disk_full"
    title = "The gateway's disk is full"


class EmbeddingFailed(VectorStoreError):
    """The embedder of a collection did not answer or answered badly."""

    code = "embedding_failed"
    title = "Embedding failed"
    retryable = True


class StorageFailed(VectorStoreError):
    """The backup storage refused or failed; the detail names the setting to change."""

    code = "storage_failed"
    title = "The backup storage failed"


class StorageFull(StorageFailed):
    """There is no room on the backup storage."""

    code = "storage_full"
    title = "The backup storage is full"


class StorageUnavailable(StorageFailed):
    """The backup storage cannot be reached."""

    code = "storage_unavailable"
    title = "The backup storage is unavailable"
    retryable = True


class BackupDamaged(Conflict):
    """A file of a backup is not as it was written; the detail names it."""

    code = "backup_damaged"
    title = "The backup is damaged"


class BackupTooNew(Conflict):
    """A newer version wrote the backup; the detail names the one that is needed."""

    code = "backup_too_new"
    title = "The backup is of a newer version"


class BackupKeyMissing(Conflict):
    """None of the keys is the one the backup was encrypted with; the detail names it."""

    code = "backup_key_missing"
    title = "The key of the backup is missing"
