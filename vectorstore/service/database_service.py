"""Databases of a cluster."""

from collections.abc import Sequence

from vectorstore.domain.errors import AlreadyExists, Conflict, NotFound
from vectorstore.models import CollectionRecord
from vectorstore.service.catalogue import forget
from vectorstore.service.collection_spec import require_name
from vectorstore.service.context import Scope, Service
from vectorstore.service.engines import engine_of

DEFAULT = "default"


class DatabaseService(Service):
    def list(self) -> Sequence[str]:
        """Names of all databases, sorted."""
        with self.scope.operation("database.view"):
            return engine_of(self.scope.cluster).adapter.list_databases()

    def create(self, name: str) -> str:
        """Raises AlreadyExists: there is one of that name."""
        require_name(name)
        with self.scope.operation("database.create", name):
            if name in self.list():
                raise AlreadyExists(f"There is a database {name!r} already.")
            engine_of(self.scope.cluster).adapter.create_database(name)
            return name

    def drop(self, name: str) -> None:
        """Drop an empty database.

        Raises:
            Conflict: it is the default one or holds collections.
        """
        with self.scope.operation("database.drop", name):
            adapter = engine_of(self.scope.cluster).adapter
            if name == DEFAULT:
                raise Conflict("The default database cannot be dropped.")
            if name not in adapter.list_databases():
                raise NotFound(f"There is no database {name[:255]!r}.")
            if adapter.list_collections(name):
                raise Conflict(f"The database {name} is not empty; drop its collections first.")
            adapter.drop_database(name)
            CollectionRecord.objects.filter(cluster=self.scope.cluster, database=name).delete()
            forget(Scope(self.scope.actor, self.scope.cluster, name))
