"""Django rows: what the product records beside Milvus's own state."""

from vectorstore.models.advice import IndexAdvice
from vectorstore.models.api_key import ApiKey
from vectorstore.models.audit import AuditCheckpoint, AuditRecord, OpenIntent
from vectorstore.models.backup import Backup, BackupPolicy
from vectorstore.models.cluster import Cluster
from vectorstore.models.collection import CollectionRecord
from vectorstore.models.drift import Drift
from vectorstore.models.grant import Grant
from vectorstore.models.idempotency import IdempotencyRecord
from vectorstore.models.index import IndexRecord
from vectorstore.models.job import Job, JobChunk, JobState
from vectorstore.models.journal import JournalEntry, JournalHead, JournalSegment, RestorePoint
from vectorstore.models.pending_change import PendingChange
from vectorstore.models.profile import SearchProfile
from vectorstore.models.recall_curve import RecallCurve
from vectorstore.models.service_account import ServiceAccount
from vectorstore.models.signing_key import SigningKey
from vectorstore.models.token import TokenFamily, UsedRefreshToken
from vectorstore.models.user_attributes import UserAttributes

__all__ = [
    "ApiKey",
    "AuditCheckpoint",
    "AuditRecord",
    "Backup",
    "BackupPolicy",
    "Cluster",
    "CollectionRecord",
    "Drift",
    "Grant",
    "IdempotencyRecord",
    "IndexAdvice",
    "IndexRecord",
    "Job",
    "JobChunk",
    "JobState",
    "JournalEntry",
    "JournalHead",
    "JournalSegment",
    "OpenIntent",
    "PendingChange",
    "RecallCurve",
    "RestorePoint",
    "SearchProfile",
    "ServiceAccount",
    "SigningKey",
    "TokenFamily",
    "UsedRefreshToken",
    "UserAttributes",
]
