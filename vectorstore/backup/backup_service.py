"""Backups: made, listed, verified, pinned, deleted. The work itself is a job (``run_backup``)."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from vectorstore.backup.place import backup_place
from vectorstore.backup.repository import new_set_id
from vectorstore.backup.set_details import SetDetails, details_of
from vectorstore.domain.backup_requests import BackupChanges, BackupRequest
from vectorstore.domain.errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from vectorstore.models import Backup, BackupPolicy, Job
from vectorstore.service import CollectionService
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.job_service import submit
from vectorstore.service.operation import Service
from vectorstore.service.plain_text import refuse_nul


class BackupService(Service):
    def create(self, request: BackupRequest, policy: BackupPolicy | None = None) -> Job:
        """Start a backup of the collections that are named or match.

        Raises:
            NotFound: one that is named is not there, or nothing matches.
            PermissionDenied: the caller may not back up one that is named.
            StorageFailed, Conflict: the backup storage cannot be used; nothing was started.
        """
        refuse_nul(request)
        names = self._choose(request)
        with self.operation("backup.create", names[0], request):
            for name in names[1:]:
                self.require("backup.create", name)
            with backup_place():  # what is wrong with it is told now, not by a job that fails
                pass
            parent = self._parent(names) if request.kind == "incremental" else None
            with transaction.atomic():
                row = Backup.objects.create(
                    set_id=new_set_id(timezone.now()),
                    kind="incremental" if parent else "full",
                    cluster=self.scope.cluster,
                    database=self.scope.database,
                    collections=[{"name": name} for name in names],
                    parent=parent,
                    policy=policy,
                    note=request.note,
                    actor=self.scope.actor.name,
                )
                params = {"backup": row.set_id, "policy": policy.pk if policy else None}
                job = submit(self.scope, "backup", params, names[0] if len(names) == 1 else "")
                row.job = job
                row.save(update_fields=["job"])
            return job

    def _choose(self, request: BackupRequest) -> list[str]:
        """Each name that was given, if it is there for the caller; of a pattern, what the caller may back up."""
        found: dict[str, None] = {}
        for pattern in patterns_of(request.collections):
            if not is_pattern(pattern):
                found[self._named(pattern)] = None
                continue
            matching = [name for name in CollectionService(self.scope).names() if fnmatchcase(name, pattern)]
            found.update({name: None for name in matching if self._may_make(name)})
        if not found:
            raise NotFound("No collection that you may back up matches.")
        return list(found)

    def _named(self, name: str) -> str:
        """The collection's own name, of its name or an alias; one that is hidden answers as one that is not there."""
        known = look_up(self.scope, name)[0].schema.name
        if not self.rights.decide("backup.create", self.scope.cluster, self.scope.database, known).visible:
            self.hidden("backup.create", known, f"There is no collection {name[:255]!r}.")
        return known

    def _may_make(self, name: str) -> bool:
        return self.rights.decide("backup.create", self.scope.cluster, self.scope.database, name).allowed

    def _parent(self, names: Sequence[str]) -> Backup | None:
        """The newest verified set of the same collections; without one the backup is a full one."""
        sets = Backup.objects.filter(
            state="verified", consistency="exact", cluster=self.scope.cluster, database=self.scope.database
        )
        return next((row for row in sets if {item["name"] for item in row.collections} >= set(names)), None)

    def backups(self, collection: str = "") -> QuerySet[Backup]:
        """Those whose every collection the caller may see, newest first; with ``collection``, those that hold it."""
        with self.listing("backup.view") as act:
            found = [row.pk for row in self._rows() if self._sees(row, collection)]
            act.rows = len(found)
            return self._rows().filter(pk__in=found)

    def _rows(self) -> QuerySet[Backup]:
        here = Backup.objects.filter(cluster=self.scope.cluster, database=self.scope.database)
        return here.select_related("parent", "policy", "job")

    def _sees(self, row: Backup, collection: str = "") -> bool:
        names = [item["name"] for item in row.collections]
        return (not collection or collection in names) and self._may("backup.view", row)

    def _may(self, action: str, row: Backup) -> bool:
        rights = self.rights
        return all(rights.decide(action, row.cluster, row.database, item["name"]).allowed for item in row.collections)

    def backup(self, set_id: str, action: str = "backup.view") -> Backup:
        """One set.

        Raises:
            NotFound: there is none, or none that the caller may know of.
            PermissionDenied: the caller may see it and not do ``action``.
        """
        row = self._rows().filter(set_id=set_id).first()
        if row is None:
            raise NotFound(f"There is no backup {set_id[:64]!r}.")
        if not self._sees(row):
            self.hidden(action, set_id, f"There is no backup {set_id[:64]!r}.")
        if not self._may(action, row):
            raise PermissionDenied(f"{self.scope.actor.name} may not do {action} on all collections of the backup.")
        return row

    def describe(self, set_id: str) -> SetDetails:
        """One set with all that is known of it. Raises as ``backup``."""
        row = self.backup(set_id)
        with self.listing("backup.view") as act:
            act.parameters = {"backup": row.set_id}
            return details_of(row)

    def update(self, set_id: str, changes: BackupChanges) -> Backup:
        """Pin it, or change its note in the index."""
        refuse_nul(changes)
        with self.operation("backup.create", self._first(set_id), changes):
            row = self.backup(set_id, "backup.create")
            if changes.pinned is not None:
                row.pinned = changes.pinned
            if changes.note is not None:
                row.note = changes.note
            row.save(update_fields=["pinned", "note"])
            return row

    def delete(self, set_id: str) -> None:
        """Delete a set: first its manifest, so that half of it never looks like one.

        Raises:
            Conflict: it is pinned, others are built on it, a restore reads it or a job makes it.
        """
        with self.operation("backup.delete", self._first(set_id)):
            row = self.backup(set_id, "backup.delete")
            remove(row)

    def verify(self, set_id: str) -> Job:
        """Start reading every byte and every row of a set again."""
        with self.operation("backup.create", self._first(set_id)):
            row = self.backup(set_id, "backup.create")
            if row.state == "running":
                raise Conflict("The backup is being made; it is verified at its end.")
            only = row.collections[0]["name"] if len(row.collections) == 1 else ""
            return submit(self.scope, "verify", {"backup": row.set_id}, only)

    def _first(self, set_id: str) -> str:
        """The collection that the act is recorded and its right asked for; ``backup`` asks for all of them."""
        row = self.backup(set_id)
        return str(row.collections[0]["name"]) if row.collections else ""


def remove(row: Backup) -> None:
    """Delete a set from the storage and the index.

    Raises:
        Conflict: see ``BackupService.delete``.
    """
    if row.pinned:
        raise Conflict("The backup is pinned; take the pin off first.")
    if row.job is not None and row.state == "running" and row.job.state in ("queued", "running"):
        raise Conflict(f"Job {row.job.pk} is making the backup; cancel it first.")
    if row.lease_until is not None and row.lease_until > timezone.now():
        raise Conflict("A restore is reading the backup; wait for it or cancel it.")
    row.children.filter(state="failed", manifest_sha256="").update(parent=None)  # nothing of them is there
    child = row.children.first()
    if child is not None:
        raise Conflict(f"The backup {child.set_id} is built on {row.set_id}; delete that one first.")
    Backup.objects.filter(pk=row.pk).update(state="deleting")
    with backup_place() as place:
        place.repository.delete(row.set_id)
    row.delete()


def system_scope(policy: BackupPolicy) -> Scope:
    """Whom a policy's backups are made by."""
    return Scope(cluster=policy.cluster, database=policy.database)


def patterns_of(collections: Sequence[str] | str) -> list[str]:
    """The names and patterns of a request.

    Raises:
        InvalidRequest: there is none, or one is empty or has more than ``*`` and ``?`` in it.
    """
    found = [collections] if isinstance(collections, str) else list(collections)
    if not found or not all(found) or any(set(pattern) & set("[]") for pattern in found):
        raise InvalidRequest.at("/collections", "name collections, or give a pattern such as docs* or *")
    return found


def is_pattern(text: str) -> bool:
    return bool(set(text) & set("*?"))


def end_abandoned() -> int:
    """Backups whose jobs ended without them, as when a worker died too often or a job never ran; returns how many."""
    ended = 0
    for row in Backup.objects.filter(state="running", job__state__in=("failed", "cancelled")).select_related("job"):
        error = (row.job.error if row.job else None) or {"code": "cancelled", "detail": "The job was cancelled."}
        ended += Backup.objects.filter(pk=row.pk, state="running").update(state="failed", error=error)
    return ended
