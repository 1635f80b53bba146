"""Policies of scheduled backups: made, listed, changed, deleted."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction

from vectorstore.backup.scheduler import check_schedule
from vectorstore.domain.backup_requests import BackupPolicyChanges, BackupPolicyRequest
from vectorstore.domain.errors import AlreadyExists, InvalidRequest, NotFound
from vectorstore.models import BackupPolicy
from vectorstore.service.operation import Service
from vectorstore.service.plain_text import refuse_nul


class PolicyService(Service):
    """Who may back up all that a policy names may see and change it."""

    def policies(self) -> Sequence[BackupPolicy]:
        with self.listing("backup.view") as act:
            found = [row for row in BackupPolicy.objects.filter(cluster=self.scope.cluster) if self._may(row)]
            act.rows = len(found)
            return found

    def policy(self, name: str) -> BackupPolicy:
        """
        Raises:
            NotFound: there is none, or none that the caller may know of.
        """
        row = BackupPolicy.objects.filter(name=name, cluster=self.scope.cluster).first()
        if row is None:
            raise NotFound(f"There is no backup policy {name[:150]!r}.")
        if not self._may(row):
            self.hidden("backup.view", name, f"There is no backup policy {name[:150]!r}.")
        return row

    def create(self, request: BackupPolicyRequest) -> BackupPolicy:
        """
        Raises:
            InvalidRequest: a schedule, time zone or number that is none.
            AlreadyExists: there is one of that name.
        """
        refuse_nul(request)
        patterns = _patterns(request.collections)
        if not 0 < len(request.name) <= 150:
            raise InvalidRequest.at("/name", "a name has 1 to 150 characters")
        with self.operation("backup.create", patterns[0], request):
            for pattern in patterns[1:]:
                self.require("backup.create", pattern)
            row = BackupPolicy(
                name=request.name,
                cluster=self.scope.cluster,
                database=self.scope.database,
                created_by=self.scope.actor.name,
            )
            self._change(row, asdict(request) | {"collections": patterns})
            try:
                with transaction.atomic():
                    row.save(force_insert=True)
            except IntegrityError:
                raise AlreadyExists(f"There is a backup policy {request.name!r} already.") from None
            return row

    def update(self, name: str, changes: BackupPolicyChanges) -> BackupPolicy:
        """Raises as ``create``."""
        refuse_nul(changes)
        row = self.policy(name)
        values = {field: value for field, value in asdict(changes).items() if value is not None}
        if changes.collections is not None:
            values["collections"] = _patterns(changes.collections)
        with self.operation("backup.create", str(row.collections[0]), changes):
            for pattern in values.get("collections", ()):
                self.require("backup.create", pattern)
            self._change(row, values)
            row.save()
            return row

    def delete(self, name: str) -> None:
        """Its sets stay."""
        row = self.policy(name)
        with self.operation("backup.create", str(row.collections[0])):
            row.delete()

    def _may(self, row: BackupPolicy) -> bool:
        rights = self.rights
        return all(
            rights.decide("backup.create", row.cluster, row.database, pattern).allowed for pattern in row.collections
        )

    def _change(self, row: BackupPolicy, values: dict[str, Any]) -> None:
        for field in ("collections", "schedule", "timezone", "kind", "retention", "drill_every", "enabled"):
            if field in values:
                setattr(row, field, values[field])
        try:
            check_schedule(row.schedule, row.timezone)
        except ValueError as error:
            raise InvalidRequest.at("/schedule", str(error)) from None
        for name, count in row.retention.items():
            if not 0 <= count <= 10_000:
                raise InvalidRequest.at(f"/retention/{name}", "a count is a whole number from 0 to 10,000")
        if not 0 <= row.drill_every <= 10_000:
            raise InvalidRequest.at("/drill_every", "a whole number from 0 to 10,000")


def _patterns(collections: list[str] | str) -> list[str]:
    found = [collections] if isinstance(collections, str) else collections
    if not found or not all(found):
        raise InvalidRequest.at("/collections", "name collections, or give a pattern such as docs* or *")
    return found
