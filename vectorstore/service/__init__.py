"""The use cases. Everything that reaches Milvus goes through these services.

from vectorstore.service import VectorService, IndexService, SearchService
"""

from vectorstore.service.alias_service import AliasService
from vectorstore.service.collection_service import CollectionService
from vectorstore.service.context import Scope
from vectorstore.service.database_service import DatabaseService
from vectorstore.service.index_service import IndexService
from vectorstore.service.partition_service import PartitionService
from vectorstore.service.search_service import SearchService
from vectorstore.service.vector_service import VectorService

__all__ = [
    "AliasService",
    "CollectionService",
    "DatabaseService",
    "IndexService",
    "PartitionService",
    "Scope",
    "SearchService",
    "VectorService",
]
