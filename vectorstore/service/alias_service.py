"""Aliases: other names of collections."""

from collections.abc import Sequence

from vectorstore.domain.errors import AlreadyExists, NotFound
from vectorstore.service.catalogue import forget, look_up
from vectorstore.service.collection_spec import require_name
from vectorstore.service.context import Service
from vectorstore.service.engines import engine_of
from vectorstore.service.representations import AliasView


class AliasService(Service):
    def list(self) -> Sequence[AliasView]:
        """All aliases of the database, sorted."""
        with self.scope.operation("alias.view"):
            found = engine_of(self.scope.cluster).adapter.list_aliases(self.scope.database)
            return [AliasView(alias, collection) for alias, collection in found]

    def get(self, alias: str) -> AliasView:
        """Raises NotFound: there is no such alias."""
        with self.scope.operation("alias.view", alias):
            return self._find(alias)

    def _find(self, alias: str) -> AliasView:
        for name, collection in engine_of(self.scope.cluster).adapter.list_aliases(self.scope.database):
            if name == alias:
                return AliasView(alias, collection)
        raise NotFound(f"There is no alias {alias[:255]!r}.")

    def create(self, alias: str, collection: str) -> AliasView:
        """Raises AlreadyExists: the name is a collection's or an alias's."""
        require_name(alias, "/alias")
        with self.scope.operation("alias.manage", alias):
            known, _ = look_up(self.scope, collection)
            adapter = known.engine.adapter
            if adapter.has_collection(self.scope.database, alias):
                raise AlreadyExists(f"The name {alias!r} is taken by a collection or an alias.")
            adapter.create_alias(self.scope.database, alias, known.schema.name)
            forget(self.scope)
            return AliasView(alias, known.schema.name)

    def alter(self, alias: str, collection: str) -> AliasView:
        """Point an alias to another collection, at once for all readers."""
        with self.scope.operation("alias.manage", alias):
            self._find(alias)
            known, _ = look_up(self.scope, collection)
            known.engine.adapter.alter_alias(self.scope.database, alias, known.schema.name)
            forget(self.scope)
            return AliasView(alias, known.schema.name)

    def drop(self, alias: str) -> None:
        """Remove an alias; its collection stays."""
        with self.scope.operation("alias.manage", alias):
            self._find(alias)
            engine_of(self.scope.cluster).adapter.drop_alias(self.scope.database, alias)
            forget(self.scope)
