"""On whose behalf and where a service works."""

from dataclasses import dataclass

from vectorstore.access.actor import SYSTEM, Actor
from vectorstore.domain.models import CollectionName


@dataclass(frozen=True, slots=True)
class Scope:
    """The caller, the cluster and the database. Without arguments: the system itself on the default ones."""

    actor: Actor = SYSTEM
    cluster: str = "default"
    database: str = "default"

    def address(self, collection: str) -> CollectionName:
        return CollectionName(self.cluster, self.database, collection)
