"""Aliases: other names of collections."""

from collections.abc import Sequence

from vectorstore.domain.errors import AlreadyExists, NotFound
from vectorstore.service.collection_spec import require_name
from vectorstore.service.definitions import changed
from vectorstore.service.engines import engine_of
from vectorstore.service.operation import Service
from vectorstore.service.representations import AliasView


class AliasService(Service):
    def list(self) -> Sequence[AliasView]:
        """The aliases of collections that the caller may know of, sorted."""
        with self.listing("collection.view"):
            return self._visible()

    def _visible(self) -> Sequence[AliasView]:
        rights, scope = self.rights, self.scope
        return [
            AliasView(alias, collection)
            for alias, collection in engine_of(scope.cluster).adapter.list_aliases(scope.database)
            if rights.decide("collection.view", scope.cluster, scope.database, collection).allowed
        ]

    def get(self, alias: str) -> AliasView:
        """What an alias points to.

        Raises:
            NotFound: there is no such alias, or its collection is not there for the caller.
        """
        return self._find(alias, "collection.view")

    def _find(self, alias: str, action: str) -> AliasView:
        absent = f"There is no alias {alias[:255]!r}."
        scope = self.scope
        for name, collection in engine_of(scope.cluster).adapter.list_aliases(scope.database):
            if name == alias:
                if not self.rights.decide("collection.view", scope.cluster, scope.database, collection).allowed:
                    self.hidden(action, collection, absent)
                return AliasView(alias, collection)
        raise NotFound(absent)

    def create(self, alias: str, collection: str) -> AliasView:
        """The right is needed on the collection and on the alias's own name.

        Raises:
            AlreadyExists: the name is a collection's or an alias's.
        """
        require_name(alias, "/alias")
        with self.on_collection("alias.manage", collection) as act:
            self.require("alias.manage", alias)
            act.parameters = {"alias": alias}
            known = act.known
            if known.engine.adapter.has_collection(self.scope.database, alias):
                raise AlreadyExists(f"The name {alias!r} is taken by a collection or an alias.")
            known.engine.adapter.create_alias(self.scope.database, alias, known.schema.name)
            changed(self.scope, known.schema.name)
            return AliasView(alias, known.schema.name)

    def alter(self, alias: str, collection: str) -> AliasView:
        """Point an alias to another collection, at once for all readers. The right is needed on both collections."""
        former = self._find(alias, "alias.manage")
        with self.on_collection("alias.manage", collection) as act:
            self.require("alias.manage", former.collection)
            act.parameters = {"alias": alias, "from": former.collection}
            act.known.engine.adapter.alter_alias(self.scope.database, alias, act.known.schema.name)
            changed(self.scope, former.collection)
            changed(self.scope, act.known.schema.name)
            return AliasView(alias, act.known.schema.name)

    def drop(self, alias: str) -> None:
        """Remove an alias; its collection stays."""
        with self.on_collection("alias.manage", self._find(alias, "alias.manage").collection) as act:
            act.parameters = {"alias": alias}
            act.known.engine.adapter.drop_alias(self.scope.database, alias)
            changed(self.scope, act.known.schema.name)
