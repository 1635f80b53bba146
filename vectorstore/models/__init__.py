"""Django rows: what the product records beside Milvus's own state."""

from vectorstore.models.cluster import Cluster
from vectorstore.models.collection import CollectionRecord
from vectorstore.models.idempotency import IdempotencyRecord
from vectorstore.models.index import IndexRecord

__all__ = ["Cluster", "CollectionRecord", "IdempotencyRecord", "IndexRecord"]
