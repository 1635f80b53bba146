"""Jobs: asked for, looked at, cancelled, tried again. What runs them is in ``jobs``."""

import builtins
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from vectorstore.access.delegation import lacking
from vectorstore.access.rights import HeldGrant, Place, Rights
from vectorstore.domain.errors import Conflict, InvalidRequest, NotFound
from vectorstore.models import Job, JobState
from vectorstore.monitoring import request_id
from vectorstore.service.context import Scope
from vectorstore.service.job_queue import enqueue
from vectorstore.service.operation import Operation, Service

_ABSENT = "There is no such job."
_EVERY = "*"


def submit(scope: Scope, kind: str, params: Mapping[str, Any], collection: str = "") -> Job:
    """Put a job on record; a worker is asked for once the transaction that is open, if any, has ended.

    Args:
        scope: who asks, and where; the job does only what that actor may do when it runs.
        kind: a name that ``jobs.kinds`` knows.
        params: plain data, without secrets.
        collection: empty for a job of several: it is shown to those who may see the jobs of all.
    """
    actor = scope.actor
    job = Job.objects.create(
        kind=kind,
        params=dict(params),
        cluster=scope.cluster,
        database=scope.database,
        collection=collection,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor=actor.name[:150],
        key_prefix=actor.key_prefix,
        request_id=request_id.accept(request_id.current.get()),
    )
    transaction.on_commit(lambda: enqueue(job.pk))
    return job


class JobService(Service):
    """``job.view`` and ``job.cancel`` are asked of a job's collection; one's own jobs need neither."""

    def list(self, state: str = "", kind: str = "", collection: str = "") -> QuerySet[Job]:
        """The jobs that are there for the caller, the newest first; each that is given must be met.

        Raises:
            InvalidRequest: there is no such state.
        """
        if state and state not in JobState.values:
            raise InvalidRequest.at("?state", f"state is one of {', '.join(JobState.values)}", "choice")
        wanted = {"state": state, "kind": kind, "collection": collection}
        for name, value in wanted.items():
            if "\0" in value or len(value) > 255:
                raise InvalidRequest.at(f"?{name}", f"{name} has at most 255 characters, none of them U+0000")
        with self.listing("job.view"):
            return self.reachable().filter(**{name: value for name, value in wanted.items() if value})

    def reachable(self) -> QuerySet[Job]:
        """As ``list``, for a page that shows several; the page's own request is what is recorded."""
        rows, rights, actor = Job.objects.all(), self.rights, self.scope.actor
        if actor.superuser and actor.scopes is None:
            return rows
        mine = Q(actor_kind=actor.kind, actor_id=actor.id)
        found = mine if actor.scopes is None else Q(pk__in=())
        held: dict[tuple[str, str], builtins.list[str]] = {}
        own: builtins.list[str] = []
        for cluster, database, collection in (
            rows.order_by().values_list("cluster", "database", "collection").distinct()
        ):
            if _holds(rights, "job.view", cluster, database, collection):
                held.setdefault((cluster, database), []).append(collection)
            if actor.scopes is not None and _within_key(rights, collection):
                own.append(collection)
        for (cluster, database), names in held.items():
            found |= Q(cluster=cluster, database=database, collection__in=names)
        return rows.filter(found | (mine & Q(collection__in=own)))

    def get(self, job_id: int) -> Job:
        """Raises NotFound: there is none, or none that the caller may know of."""
        job = self._find(job_id, "job.view")
        with self._acting("job.view", job):
            return job

    def cancel(self, job_id: int) -> Job:
        """Ask a job to end. One that never ran has ended at once; another takes back first what it has made.

        Raises:
            NotFound, PermissionDenied: as ``get``; it may be seen and not cancelled.
            Conflict: it has ended otherwise already.
        """
        job = self._find(job_id, "job.cancel")
        with self._acting("job.cancel", job):
            row = Job.objects.filter(pk=job.pk)
            now = timezone.now()
            untouched = row.filter(state=JobState.QUEUED, token=0)
            if not untouched.update(state=JobState.CANCELLED, cancel_requested=True, finished_at=now):
                under_way = row.filter(state__in=(JobState.QUEUED, JobState.RUNNING))
                asked = under_way.update(cancel_requested=True)
                job.refresh_from_db()
                if not asked and job.state != JobState.CANCELLED:
                    raise Conflict(f"The job has {job.state} already.")
                if job.state == JobState.QUEUED:  # only its own code can take back what it has made
                    transaction.on_commit(lambda: enqueue(job.pk))
        job.refresh_from_db()
        return job

    def retry(self, job_id: int) -> Job:
        """Let a job that failed or was cancelled run again; it goes on after its last finished chunk.

        Raises:
            NotFound, PermissionDenied: as ``cancel``.
            Conflict: it is under way, or has succeeded.
        """
        job = self._find(job_id, "job.cancel")
        with self._acting("job.cancel", job) as act:
            act.parameters = {**act.parameters, "retry": True}
            again = Job.objects.filter(pk=job.pk, state__in=(JobState.FAILED, JobState.CANCELLED)).update(
                state=JobState.QUEUED,
                deaths=0,
                error=None,
                result=None,
                rate=None,
                finished_at=None,
                enqueued_at=None,
                cancel_requested=False,
            )
            job.refresh_from_db()
            if not again:
                raise Conflict(f"The job is {job.state}: only one that failed or was cancelled is tried again.")
            transaction.on_commit(lambda: enqueue(job.pk))
        job.refresh_from_db()
        return job

    def may_cancel(self, job: Job) -> bool:
        """Whether buttons for it are of use."""
        return self._owns(job) or _holds(self.rights, "job.cancel", job.cluster, job.database, job.collection)

    def _find(self, job_id: int, action: str) -> Job:
        job = Job.objects.filter(pk=job_id).first()
        if job is None:
            raise NotFound(_ABSENT)
        if not self._owns(job) and not _holds(self.rights, "job.view", job.cluster, job.database, job.collection):
            self.hidden(action, job.collection, _ABSENT)
        return job

    @contextmanager
    def _acting(self, action: str, job: Job) -> Iterator[Operation]:
        there = Service(replace(self.scope, cluster=job.cluster, database=job.database))
        own = self._owns(job)
        with there.listing(action) if own else there.operation(action, job.collection or _EVERY) as act:
            act.parameters = {"job": job.pk, "kind": job.kind}
            if own:
                act.parameters["collection"] = job.collection
            yield act

    def _owns(self, job: Job) -> bool:
        actor = self.scope.actor
        same = (actor.kind, actor.id) == (job.actor_kind, job.actor_id)
        return same and _within_key(self.rights, job.collection)


def _holds(rights: Rights, action: str, cluster: str, database: str, collection: str) -> bool:
    """Of a job of several collections: whether the right is held on all that there may be."""
    if collection:
        return rights.decide(action, cluster, database, collection).allowed
    now = timezone.now()
    whole = HeldGrant(0, "", frozenset({action}), Place(cluster, database, _EVERY), now, now)
    return not lacking(rights, whole)


def _within_key(rights: Rights, collection: str) -> bool:
    """An API key for some collections shows its owner's jobs on those alone."""
    scopes = rights.actor.scopes
    if scopes is None:
        return True
    return scopes.covers_collection(collection) if collection else scopes.collections == _EVERY
