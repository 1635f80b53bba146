"""Policies of scheduled backups: made, listed, changed, deleted."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from vectorstore.access.delegation import lacking
from vectorstore.access.rights import HeldGrant, Place
from vectorstore.backup.backup_service import is_pattern, patterns_of
from vectorstore.backup.scheduler import check_schedule
from vectorstore.domain.backup_requests import BackupPolicyChanges, BackupPolicyRequest
from vectorstore.domain.errors import AlreadyExists, InvalidRequest, NotFound, PermissionDenied
from vectorstore.models import BackupPolicy
from vectorstore.service.operation import Service
from vectorstore.service.plain_text import refuse_nul

POLICY_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,149}"

_NAME = re.compile(POLICY_NAME)
_CHANGEABLE = ("collections", "schedule", "timezone", "kind", "retention", "drill_every", "enabled")


class PolicyService(Service):
    """Who may back up all that a policy names may see and change it."""

    def policies(self) -> Sequence[BackupPolicy]:
        with self.listing("backup.view") as act:
            found = [row for row in self._rows() if self._may(row)]
            act.rows = len(found)
            return found

    def policy(self, name: str) -> BackupPolicy:
        """
        Raises:
            NotFound: there is none, or none that the caller may know of.
        """
        row = self._find(name)
        with self.listing("backup.view") as act:
            act.parameters = {"policy": row.name}
            return row

    def _rows(self) -> QuerySet[BackupPolicy]:
        return BackupPolicy.objects.filter(cluster=self.scope.cluster, database=self.scope.database)

    def _find(self, name: str) -> BackupPolicy:
        row = self._rows().filter(name=name).first()
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
            PermissionDenied: the caller may not back up all that a pattern may ever match.
        """
        refuse_nul(request)
        patterns = patterns_of(request.collections)
        if not _NAME.fullmatch(request.name):
            detail = "a name has 1 to 150 letters, digits, dots, dashes and underscores, a letter or digit first"
            raise InvalidRequest.at("/name", detail)
        with self.operation("backup.create", patterns[0], request):
            self._require_all(patterns)
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
        row = self._find(name)
        values = {field: value for field, value in asdict(changes).items() if value is not None}
        if changes.collections is not None:
            values["collections"] = patterns_of(changes.collections)
        with self.operation("backup.create", str(row.collections[0]), changes):
            self._require_all(values.get("collections", ()))
            self._change(row, values)
            row.save(update_fields=_CHANGEABLE)  # what the scheduler notes meanwhile stays
            return row

    def delete(self, name: str) -> None:
        """Its sets stay."""
        row = self._find(name)
        with self.operation("backup.create", str(row.collections[0])):
            row.delete()

    def _may(self, row: BackupPolicy) -> bool:
        return all(self._covers(pattern) for pattern in row.collections)

    def _require_all(self, patterns: Iterable[str]) -> None:
        for pattern in patterns:
            if not self._covers(pattern):
                raise PermissionDenied(f"{self.scope.actor.name} may not back up all that {pattern[:255]} may match.")

    def _covers(self, pattern: str) -> bool:
        """The system makes the backups of a policy, so all that there may ever be has to be the caller's to back up."""
        scope, rights = self.scope, self.rights
        if not is_pattern(pattern):
            return rights.decide("backup.create", scope.cluster, scope.database, pattern).allowed
        now = timezone.now()
        place = Place(scope.cluster, scope.database, pattern)
        return not lacking(rights, HeldGrant(0, "", frozenset({"backup.create"}), place, now, now))

    def _change(self, row: BackupPolicy, values: dict[str, Any]) -> None:
        for field in _CHANGEABLE:
            if field in values:
                setattr(row, field, values[field])
        check_schedule(row.schedule, row.timezone)
        for name, count in row.retention.items():
            if not 0 <= count <= 10_000:
                raise InvalidRequest.at(f"/retention/{name}", "a count is a whole number from 0 to 10,000")
        if not 0 <= row.drill_every <= 10_000:
            raise InvalidRequest.at("/drill_every", "a whole number from 0 to 10,000")
