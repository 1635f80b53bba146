"""Drift: what writes around the gateway have left, looked at, adopted or reverted."""

from collections.abc import Callable

from django.db.models import QuerySet

from vectorstore.backup import drift
from vectorstore.backup.drift import Differences
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.models import Drift
from vectorstore.service.context import Scope
from vectorstore.service.operation import Service


class DriftService(Service):
    """``backup.view`` shows drifts; to settle one takes ``vector.upsert`` and ``collection.alter``."""

    def drifts(self, collection: str = "") -> QuerySet[Drift]:
        """Those of collections whose backups the caller may see, newest first; open ones have no ``resolved_at``."""
        with self.listing("backup.view") as act:
            scope, rights = self.scope, self.rights
            here = Drift.objects.filter(cluster=scope.cluster, database=scope.database)
            if collection:
                here = here.filter(collection=collection)
            names = here.order_by().values_list("collection", flat=True).distinct()
            seen = [name for name in names if rights.decide("backup.view", scope.cluster, scope.database, name).allowed]
            act.parameters = {"collection": collection} if collection else {}
            return here.filter(collection__in=seen)

    def adopt(self, name: str) -> Differences:
        """Milvus is right: the journal gets what it lacks.

        Raises:
            NotFound: no such collection, or it is not known what it should hold.
            PermissionDenied: a right is lacking.
        """
        return self._settle(name, drift.adopt)

    def revert(self, name: str) -> Differences:
        """The journal is right: Milvus gets what it lacks and loses what it should not have. Raises as ``adopt``."""
        return self._settle(name, drift.revert)

    def _settle(self, name: str, how: Callable[[Scope, str, BackupPlace], Differences]) -> Differences:
        with self.on_collection("vector.upsert", name) as act:
            known = act.known.schema.name
            self.require("collection.alter", known)
            act.parameters = {"drift": how.__name__}
            with backup_place() as place:
                found = how(self.scope, known, place)
            act.rows = len(found.extra) + len(found.missing) + len(found.changed)
            return found
