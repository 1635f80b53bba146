"""Restores: to which moment, into what. The work itself is a job (``run_restore``)."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from vectorstore.backup.backup_service import BackupService
from vectorstore.backup.drift import tainted
from vectorstore.backup.history import definition_of_source, entry_at, newest_set, source_of, uid_at
from vectorstore.backup.place import backup_place
from vectorstore.backup.run_restore import RIGHT_ON_TARGET, chosen
from vectorstore.backup.selection import Selection
from vectorstore.domain.backup_requests import RestorePointRequest, RestoreRequest
from vectorstore.domain.errors import AlreadyExists, Conflict, InvalidRequest, NotFound
from vectorstore.journal.entry import Draft
from vectorstore.journal.frame import Op
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import writer
from vectorstore.models import CollectionRecord, Job, JournalEntry, RestorePoint
from vectorstore.monitoring import request_id
from vectorstore.service.collection_spec import require_name
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.job_service import submit
from vectorstore.service.operation import Service
from vectorstore.service.plain_text import refuse_nul

_MOMENTS = ("backup", "point_in_time", "sequence", "restore_point", "latest", "before")
_TO = {"replace": "replace", "data": "write to"}


@dataclass(frozen=True, slots=True)
class RecoveryWindow:
    """From when to when a collection can be restored; ``gaps`` are stretches of time that cannot be had.

    ``earliest`` is None where nothing can be restored; ``points`` are the moments of verified sets.
    """

    earliest: datetime | None
    latest: datetime | None
    gaps: list[tuple[datetime, datetime]]
    point_in_time: bool


class RestoreService(Service):
    def start(self, request: RestoreRequest) -> Job:
        """Start a restore, or with ``dry_run`` the plan of one.

        Raises:
            NotFound: the collection or the moment is not there; the detail says what can be had.
            AlreadyExists: the target's name is taken.
            Conflict: a moment outside of what is covered.
            InvalidRequest: not exactly one moment is given, the target's name is none, or parts do not go together.
            InvalidFilter: the filter does not fit the collection as it was.
        """
        refuse_nul(request)
        given = [name for name in _MOMENTS if getattr(request, name)]
        if len(given) != 1:
            raise InvalidRequest.at("", f"give exactly one of {', '.join(_MOMENTS)}")
        if request.point_in_time is not None:
            request = replace(request, point_in_time=_in_utc(request.point_in_time))
        _refuse_contradictions(request)
        names = request.collections or [self._collection(request)]
        with self.operation("backup.restore", names[0], request) as act:
            for name in names[1:]:
                self.require("backup.restore", name)
            last = position()[0]
            whole = {
                "target_cluster": request.target_cluster or self.scope.cluster,
                "mode": request.mode,
                "schema_only": request.schema_only,
                "with_indexes": request.with_indexes,
                "dry_run": request.dry_run,
                "partitions": request.partitions,
                "filter": request.filter,
                "key": secrets.token_hex(8),
            }
            each = [self._one(request, name, last) for name in names]
            act.parameters = {**act.parameters, "sequence": each[0]["until"], "target": each[0]["target"]}
            if request.collections is None:
                return submit(self.scope, "restore", whole | each[0], each[0]["target"])
            return submit(self.scope, "restore", {**whole, "several": each}, names[0] if len(names) == 1 else "")

    def _one(self, request: RestoreRequest, name: str, last: int) -> dict[str, Any]:
        """What of the parameters is the collection's own; what is wrong is told now, not by a job that fails."""
        target = request.target_name or name
        require_name(target, "/target_name")
        cluster = request.target_cluster or self.scope.cluster
        self._require(cluster, RIGHT_ON_TARGET[request.mode], target)
        uid, until = self._moment(request, name, last)
        self._check_target(request, target, cluster)
        params = {"uid": uid, "until": until, "set": request.backup, "target": target}
        source = chosen(params)
        if not request.acknowledge_drift:
            self._refuse_tainted(uid, until)
        with backup_place() as place:
            definition = definition_of_source(source, place.repository)
        Selection(tuple(request.partitions or ()), request.filter or "").check(definition)
        return params

    def _collection(self, request: RestoreRequest) -> str:
        if request.collection is not None:
            return request.collection
        if request.backup is None:
            raise InvalidRequest.at("/collection", "name the collection to restore")
        names = [item["name"] for item in BackupService(self.scope).backup(request.backup).collections]
        if len(names) != 1:
            raise InvalidRequest.at("/collection", f"the backup holds {', '.join(names)}; name one of them")
        return str(names[0])

    def _moment(self, request: RestoreRequest, name: str, last: int) -> tuple[str, int]:
        """The collection's uid and the last entry that counts; 0 for a set that holds no moment of the journal."""
        if request.backup is not None:
            return self._of_set(request.backup, name)
        if request.point_in_time is not None:
            return self._at(name, request.point_in_time)
        if request.latest:
            return uid_at(self.scope.cluster, self.scope.database, name, last), last
        if request.sequence is not None:
            if not 0 < request.sequence <= last:
                raise Conflict(f"The journal goes from 1 to {last}; {request.sequence} is outside.")
            return uid_at(self.scope.cluster, self.scope.database, name, request.sequence), request.sequence
        if request.before is not None:
            return self._before(name, request.before)
        uid = uid_at(self.scope.cluster, self.scope.database, name, last)
        point = RestorePoint.objects.filter(uid=uid, name=request.restore_point).first()
        if point is None:
            raise NotFound(f"The collection {name} has no restore point {str(request.restore_point)[:64]!r}.")
        return uid, point.seq

    def _before(self, name: str, request: str) -> tuple[str, int]:
        """Just before the first write of that request to this collection."""
        for entry in JournalEntry.objects.filter(request_id=request).order_by("seq")[:1000]:
            uid = uid_at(self.scope.cluster, self.scope.database, name, entry.seq - 1)
            if uid == entry.uid:
                return uid, entry.seq - 1
        raise NotFound(f"The journal has no write of the request {request[:64]!r} to {name}.")

    def _refuse_tainted(self, uid: str, until: int) -> None:
        """
        Raises:
            Conflict: others wrote around the gateway at that moment.
        """
        at = JournalEntry.objects.filter(seq__lte=until).order_by("-seq").values_list("at", flat=True).first()
        for since, ended in tainted(uid):
            if at is not None and since < at < ended:
                raise Conflict(
                    f"Between {since.isoformat()} and {ended.isoformat()} others wrote to the collection around the"
                    " gateway, so the journal does not have all of it. To restore what it has, set acknowledge_drift."
                )

    def _of_set(self, set_id: str, name: str) -> tuple[str, int]:
        row = BackupService(self.scope).backup(set_id)
        if row.state not in ("succeeded", "verified"):
            raise Conflict(f"The backup {set_id} is {row.state} and cannot be restored.")
        item = next((item for item in row.collections if item["name"] == name), None)
        if item is None:
            raise NotFound(f"The backup {set_id} does not hold a collection {name[:255]!r}.")
        return str(item["uid"]), row.end_seq or 0

    def _at(self, name: str, moment: datetime) -> tuple[str, int]:
        now = position()[1]
        if moment > now:
            raise Conflict(f"{moment.isoformat()} is in the future; the window ends at {now.isoformat()}.")
        until = entry_at(moment)
        try:
            uid = uid_at(self.scope.cluster, self.scope.database, name, until)
            source_of(uid, until)
        except NotFound:
            window = self._window(name)
            begins = window.earliest.isoformat() if window.earliest else "nowhere"
            raise Conflict(
                f"The collection {name} cannot be restored to {moment.isoformat()}: what is covered begins at {begins}."
            ) from None
        return uid, until

    def _check_target(self, request: RestoreRequest, target: str, cluster: str) -> None:
        new = request.mode == "new"
        adapter = engine_of(cluster).adapter
        taken = adapter.has_collection(self.scope.database, target)
        if new and taken:
            raise AlreadyExists(f"The name {target!r} is taken; choose another target_name, or mode replace.")
        if not new and not taken:
            raise NotFound(f"There is no collection {target!r} to {_TO[request.mode]}; use mode new.")
        if not new and (found := adapter.describe_collection(self.scope.database, target).schema.name) != target:
            raise Conflict(f"{target!r} is an alias; name the collection, {found!r}.")

    def _require(self, cluster: str, action: str, name: str) -> None:
        RestoreService(Scope(self.scope.actor, cluster, self.scope.database)).require(action, name)

    def window(self, name: str) -> RecoveryWindow:
        """From when to when the collection can be restored."""
        with self.on_collection("backup.view", name) as act:
            return self._window(act.known.schema.name)

    def _window(self, name: str) -> RecoveryWindow:
        last, now, _ = position()
        try:
            uid = uid_at(self.scope.cluster, self.scope.database, name, last)
        except NotFound:
            return RecoveryWindow(None, None, [], point_in_time=False)
        first = JournalEntry.objects.filter(uid=uid).order_by("seq").first()
        try:
            source_of(uid, first.seq if first else 0)
            return RecoveryWindow(first.at if first else None, now, tainted(uid), point_in_time=True)
        except NotFound:
            pass
        oldest = self._oldest_set(uid)
        return RecoveryWindow(oldest, now if oldest else None, tainted(uid), point_in_time=oldest is not None)

    def _oldest_set(self, uid: str) -> datetime | None:
        found, until = None, position()[0]
        while (row := newest_set(uid, until)) is not None:
            found, until = row.end_at, (row.end_seq or 0) - 1
        return found

    def mark(self, request: RestorePointRequest) -> RestorePoint:
        """Name this moment of a collection.

        Raises:
            AlreadyExists: it has a point of that name.
            Conflict: its writes are not journalled.
        """
        refuse_nul(request)
        if not 0 < len(request.name) <= 255:
            raise InvalidRequest.at("/name", "a name has 1 to 255 characters")
        with self.on_collection("backup.create", request.collection, request) as act:
            known = act.known
            if not known.point_in_time:
                raise Conflict(f"The writes of {known.schema.name} are not journalled: point_in_time is off.")
            notes = {"name": request.name, "actor": self.scope.actor.name}
            try:
                with transaction.atomic():
                    point = RestorePoint.objects.create(
                        uid=known.uid, name=request.name, seq=0, at=position()[1], actor=self.scope.actor.name
                    )
            except IntegrityError:
                raise AlreadyExists(f"The collection has a restore point {request.name!r} already.") from None
            try:
                (entry,) = writer().intend(Draft(Op.MARK, known.uid, b"", 0, request_id.current.get(), notes))
            except BaseException:
                point.delete()  # it is no moment of the journal
                raise
            writer().resolve(entry.seq, known.uid, Op.COMMIT)
            point.seq, point.at = entry.seq, entry.at
            point.save(update_fields=["seq", "at"])
            return point

    def points(self, name: str = "") -> QuerySet[RestorePoint]:
        """The named moments of a collection, or of all that the caller may see, newest first."""
        if name:
            with self.on_collection("backup.view", name) as act:
                return RestorePoint.objects.filter(uid=act.known.uid)
        with self.listing("backup.view"):
            scope, rights = self.scope, self.rights
            seen = [
                uid
                for uid, name in self.names().items()
                if rights.decide("backup.view", scope.cluster, scope.database, name).allowed
            ]
            return RestorePoint.objects.filter(uid__in=seen)

    def names(self) -> dict[str, str]:
        """The names of all collections by uid, for what the caller may see of them already."""
        here = CollectionRecord.objects.filter(cluster=self.scope.cluster, database=self.scope.database)
        return dict(here.values_list("uid", "name"))


def _refuse_contradictions(request: RestoreRequest) -> None:
    """Raises InvalidRequest: parts of the request do not go together."""
    part = bool(request.partitions or (request.filter or "").strip())
    if request.collections is not None and (request.collection or request.target_name or not request.collections):
        raise InvalidRequest.at(
            "/collections", "several are restored to their own names: no collection, no target_name"
        )
    if len(set(request.collections or ())) < len(request.collections or ()):
        raise InvalidRequest.at("/collections", "name each once")
    if request.mode == "data" and request.schema_only:
        raise InvalidRequest.at("/mode", "data is rows alone, and schema_only none")
    if part and request.schema_only:
        raise InvalidRequest.at("/schema_only", "a part is of rows")
    if part and request.mode == "replace":
        raise InvalidRequest.at("/mode", "a part of a collection cannot replace all of it: use new or data")


def _in_utc(moment: datetime) -> datetime:
    """Raises InvalidRequest: it has no offset, or none that there is such a time for."""
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except OverflowError:
        pass
    raise InvalidRequest.at("/point_in_time", "give a time with its offset, such as 2026-01-02T03:04:05.678Z")
