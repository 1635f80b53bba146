"""Databases of a cluster."""

from collections.abc import Sequence

from vectorstore.domain.errors import AlreadyExists, Conflict, NotFound
from vectorstore.models import CollectionRecord
from vectorstore.service.catalogue import forget
from vectorstore.service.collection_spec import require_name
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.operation import Service

DEFAULT = "default"


class DatabaseService(Service):
    def list(self) -> Sequence[str]:
        """Names of the databases that the caller may know of, sorted."""
        rights = self.rights
        with self.listing("database.view"):
            found = engine_of(self.scope.cluster).adapter.list_databases()
            return [name for name in found if rights.sees_database(self.scope.cluster, name)]

    def get(self, name: str) -> str:
        """Raises NotFound: there is none of that name, or none that the caller may know of."""
        absent = f"There is no database {name[:255]!r}."
        if name not in engine_of(self.scope.cluster).adapter.list_databases():
            raise NotFound(absent)
        if not self.rights.sees_database(self.scope.cluster, name):
            self.hidden("database.view", "", absent)
        return name

    def create(self, name: str) -> str:
        """Raises AlreadyExists: there is one of that name."""
        require_name(name)
        with self.operation("database.create") as act:
            act.parameters = {"name": name}
            if name in engine_of(self.scope.cluster).adapter.list_databases():
                raise AlreadyExists(f"There is a database {name!r} already.")
            engine_of(self.scope.cluster).adapter.create_database(name)
            return name

    def drop(self, name: str) -> None:
        """Drop an empty database.

        Raises:
            Conflict: it is the default one or holds collections.
        """
        with self.operation("database.drop") as act:
            act.parameters = {"name": name[:255]}
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
