"""``backups/``, ``restores/``, ``restore-points/`` and recovery windows."""

import re
from typing import Any

from vectorstore.api.openapi import NAME_PATTERN
from vectorstore.api.operation import operation
from vectorstore.api.schemas.backups import (
    BackupBody,
    BackupDetailsBody,
    BackupSchema,
    backup_body,
    details_body,
)
from vectorstore.api.schemas.jobs import JobBody, job_body
from vectorstore.api.schemas.recovery import RestorePointBody, WindowBody, point_body, window_body
from vectorstore.api.views.base import EngineView
from vectorstore.backup.backup_service import BackupService
from vectorstore.backup.restore_service import RestoreService
from vectorstore.domain.backup_requests import BackupChanges, BackupRequest, RestorePointRequest, RestoreRequest
from vectorstore.domain.errors import InvalidRequest

ORDER = ("set_id", "created_at", "end_at", "rows", "size_bytes", "state")


class BackupEngineView(EngineView):
    tag = "Backups"
    schema = BackupSchema()

    def asked_collection(self) -> str:
        """``?collection=``; empty where it is not given."""
        asked = self.request.query_params.get("collection", "")
        if asked and not re.fullmatch(NAME_PATTERN, asked):
            raise InvalidRequest.at("?collection", "there can be no collection of that name")
        return asked


class _BackupView(BackupEngineView):
    @property
    def service(self) -> BackupService:
        return BackupService(self.scope)


class BackupsView(_BackupView):
    @operation("List backups", answer=BackupBody, order=ORDER, query=("collection",))
    def get(self) -> dict[str, Any]:
        """The newest first; those whose every collection is the caller's to see."""
        return self.table(self.service.backups(self.asked_collection()), backup_body, search="set_id", order="-id")

    @operation("Start a backup", body=BackupRequest, answer=JobBody, status=202)
    def post(self, body: BackupRequest) -> JobBody:
        """The job's result names it: ``{"backup": id}``. An increment without a verified set to build on is a full
        backup."""
        return job_body(self.service.create(body))


class BackupView(_BackupView):
    @operation("Describe a backup", answer=BackupDetailsBody)
    def get(self, set_id: str) -> BackupDetailsBody:
        """With what its manifest tells, the checksum of each file, and the moments that it covers."""
        return details_body(self.service.describe(set_id))

    @operation("Change a backup", body=BackupChanges, answer=BackupBody)
    def patch(self, body: BackupChanges, set_id: str) -> BackupBody:
        """Pin it, so that no retention deletes it, or change its note."""
        return backup_body(self.service.update(set_id, body))

    @operation("Delete a backup", status=204)
    def delete(self, set_id: str) -> None:
        """409 where it is pinned, is being made or read, or another one is built on it."""
        self.service.delete(set_id)


class VerifyBackupView(_BackupView):
    @operation("Verify a backup", answer=JobBody, status=202)
    def post(self, set_id: str) -> JobBody:
        """Every byte and every row is read again. The job's result: ``{"backup", "intact", "problems"}``."""
        return job_body(self.service.verify(set_id))


class _RestoreView(BackupEngineView):
    @property
    def service(self) -> RestoreService:
        return RestoreService(self.scope)


class RestoresView(_RestoreView):
    @operation("Start a restore", body=RestoreRequest, answer=JobBody, status=202)
    def post(self, body: RestoreRequest) -> JobBody:
        """To exactly one moment. Nothing that is there changes before the rows are proved to be what they should; the
        job's result: ``{"collection", "rows", "warnings", "from"}``, or with ``dry_run`` what would be read."""
        return job_body(self.service.start(body))


class RecoveryWindowView(_RestoreView):
    @operation("Get the recovery window", answer=WindowBody)
    def get(self, name: str) -> WindowBody:
        """From when to when the collection can be restored."""
        return window_body(self.service.window(name))


class RestorePointsView(_RestoreView):
    @operation("List restore points", answer=RestorePointBody, order=("at", "name"), query=("collection",))
    def get(self) -> dict[str, Any]:
        """Named moments, the newest first."""
        points = self.service.points(self.asked_collection())
        names = self.service.names()
        return self.table(
            points, lambda point: point_body(point, names.get(point.uid, "")), search="name", order="-seq"
        )

    @operation("Name a moment", body=RestorePointRequest, answer=RestorePointBody, status=201)
    def post(self, body: RestorePointRequest) -> RestorePointBody:
        """The present moment of a collection, to be restored to by its name."""
        point = self.service.mark(body)
        return point_body(point, self.service.names().get(point.uid, ""))
