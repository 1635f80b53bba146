"""``drift/``, and ``collections/{name}/drift/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.schemas.recovery import DifferencesBody, DriftBody, differences_body, drift_body
from vectorstore.api.views.backups import BackupEngineView
from vectorstore.backup.drift_service import DriftService


class _DriftView(BackupEngineView):
    @property
    def service(self) -> DriftService:
        return DriftService(self.scope)


class DriftsView(_DriftView):
    @operation("List drifts", answer=DriftBody, order=("found_at", "collection"), query=("collection",))
    def get(self) -> dict[str, Any]:
        """Writes that bypassed the gateway, the newest first; those that are open have no ``resolved_at``."""
        return self.table(self.service.drifts(self.asked_collection()), drift_body, search="collection", order="-id")


class AdoptDriftView(_DriftView):
    @operation("Adopt a drift", answer=DifferencesBody)
    def post(self, name: str) -> DifferencesBody:
        """Milvus is right: the journal gets what it lacks."""
        return differences_body(self.service.adopt(name))


class RevertDriftView(_DriftView):
    @operation("Revert a drift", answer=DifferencesBody)
    def post(self, name: str) -> DifferencesBody:
        """The journal is right: Milvus gets what it lacks, and loses what it should not have."""
        return differences_body(self.service.revert(name))
