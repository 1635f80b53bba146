"""What stands around collections: databases, aliases, partitions, resource groups, users."""

from contextlib import suppress

from pymilvus.grpc_gen import milvus_pb2

from vectorstore.adapters.base import Calls
from vectorstore.adapters.retry_mechanism import CallKind
from vectorstore.domain.errors import UnsupportedByEngine

_ALIASES = "$aliases"
"""Not the name of any collection: Milvus Lite keeps all aliases in one file."""


class CatalogueCalls(Calls):
    def list_databases(self) -> list[str]:
        answer = self.rpc.call("ListDatabases", milvus_pb2.ListDatabasesRequest(), CallKind.DESCRIBE)
        return sorted(answer.db_names)

    def create_database(self, name: str) -> None:
        self.rpc.call("CreateDatabase", milvus_pb2.CreateDatabaseRequest(db_name=name), CallKind.DDL)

    def drop_database(self, name: str) -> None:
        self.rpc.call("DropDatabase", milvus_pb2.DropDatabaseRequest(db_name=name), CallKind.DDL)

    def list_partitions(self, database: str, collection: str) -> list[str]:
        request = milvus_pb2.ShowPartitionsRequest(db_name=database, collection_name=collection)
        return sorted(self.rpc.call("ShowPartitions", request, CallKind.DESCRIBE).partition_names)

    def create_partition(self, database: str, collection: str, partition: str) -> None:
        request = milvus_pb2.CreatePartitionRequest(
            db_name=database, collection_name=collection, partition_name=partition
        )
        with self.exclusive(database, collection):
            self.rpc.call("CreatePartition", request, CallKind.DDL)

    def load_partition(self, database: str, collection: str, partition: str) -> None:
        """Load a new partition of a loaded collection; Milvus Lite does so by itself and has no such call."""
        request = milvus_pb2.LoadPartitionsRequest(
            db_name=database, collection_name=collection, partition_names=[partition]
        )
        with suppress(UnsupportedByEngine):
            self.rpc.call("LoadPartitions", request, CallKind.DDL)

    def release_partition(self, database: str, collection: str, partition: str) -> None:
        """Release a partition, which Milvus asks for before it is dropped."""
        request = milvus_pb2.ReleasePartitionsRequest(
            db_name=database, collection_name=collection, partition_names=[partition]
        )
        with suppress(UnsupportedByEngine):
            self.rpc.call("ReleasePartitions", request, CallKind.DDL)

    def drop_partition(self, database: str, collection: str, partition: str) -> None:
        request = milvus_pb2.DropPartitionRequest(
            db_name=database, collection_name=collection, partition_name=partition
        )
        with self.exclusive(database, collection):
            self.rpc.call("DropPartition", request, CallKind.DDL)

    def list_aliases(self, database: str) -> list[tuple[str, str]]:
        """All (alias, collection) of a database, sorted."""
        answer = self.rpc.call("ListAliases", milvus_pb2.ListAliasesRequest(db_name=database), CallKind.DESCRIBE)
        found = []
        for alias in sorted(answer.aliases):
            request = milvus_pb2.DescribeAliasRequest(db_name=database, alias=alias)
            found.append((alias, str(self.rpc.call("DescribeAlias", request, CallKind.DESCRIBE).collection)))
        return found

    def aliases_of(self, database: str, collection: str) -> list[str]:
        """Aliases of one collection, sorted."""
        request = milvus_pb2.ListAliasesRequest(db_name=database, collection_name=collection)
        return sorted(self.rpc.call("ListAliases", request, CallKind.DESCRIBE).aliases)

    def create_alias(self, database: str, alias: str, collection: str) -> None:
        request = milvus_pb2.CreateAliasRequest(db_name=database, alias=alias, collection_name=collection)
        with self.exclusive(database, _ALIASES):
            self.rpc.call("CreateAlias", request, CallKind.DDL)

    def alter_alias(self, database: str, alias: str, collection: str) -> None:
        request = milvus_pb2.AlterAliasRequest(db_name=database, alias=alias, collection_name=collection)
        with self.exclusive(database, _ALIASES):
            self.rpc.call("AlterAlias", request, CallKind.DDL)

    def drop_alias(self, database: str, alias: str) -> None:
        with self.exclusive(database, _ALIASES):
            self.rpc.call("DropAlias", milvus_pb2.DropAliasRequest(db_name=database, alias=alias), CallKind.DDL)

    def list_resource_groups(self) -> list[str]:
        request = milvus_pb2.ListResourceGroupsRequest()
        return sorted(self.rpc.call("ListResourceGroups", request, CallKind.DESCRIBE).resource_groups)

    def list_users(self) -> list[str]:
        answer = self.rpc.call("ListCredUsers", milvus_pb2.ListCredUsersRequest(), CallKind.DESCRIBE)
        return sorted(answer.usernames)
