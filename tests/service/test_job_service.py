"""Jobs for those who may see them: on the database alone."""

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from tests.support.access import give
from vectorstore.access.actor import SERVICE_ACCOUNT, SYSTEM, USER, Actor, KeyScopes
from vectorstore.audit import log
from vectorstore.domain.errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from vectorstore.models import AuditRecord, Job, JobChunk, JobState
from vectorstore.service.context import Scope
from vectorstore.service.job_service import JobService, submit

pytestmark = pytest.mark.django_db


def account(name: str, role: str = "", collections: str = "*", **values: str) -> Actor:
    user = User.objects.create_user(name)
    if role:
        give(user, role, collections, **values)
    return Actor.of(user)


def job_on(collection: str, actor: Actor = SYSTEM, database: str = "default", **columns: object) -> Job:
    job = submit(Scope(actor, database=database), "any", {}, collection)
    Job.objects.filter(pk=job.pk).update(**columns)
    job.refresh_from_db()
    return job


def seen(actor: Actor) -> set[int]:
    return set(JobService(Scope(actor)).list().values_list("pk", flat=True))


def narrowed(actor: Actor, actions: frozenset[str] | None, collections: str = "*") -> Actor:
    return Actor(actor.kind, actor.id, actor.name, actor.superuser, "api_key", "abc", KeyScopes(actions, collections))


def test_a_job_is_on_record_with_who_asked_and_where() -> None:
    ada = Actor(SERVICE_ACCOUNT, 7, "importer", method="api_key", key_prefix="abcdefgh")
    job = Job.objects.get(pk=submit(Scope(ada, "east", "sales"), "import", {"file": "a"}, "docs").pk)
    assert (job.kind, job.params, job.state, job.token) == ("import", {"file": "a"}, JobState.QUEUED, 0)
    assert (job.cluster, job.database, job.collection) == ("east", "sales", "docs")
    assert (job.actor_kind, job.actor_id, job.actor, job.key_prefix) == (SERVICE_ACCOUNT, 7, "importer", "abcdefgh")


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_asked_for_after_the_commit_and_not_without_one() -> None:
    with transaction.atomic():
        kept = submit(Scope(), "any", {})
        assert Job.objects.get(pk=kept.pk).enqueued_at is None
    assert Job.objects.get(pk=kept.pk).enqueued_at is not None
    with transaction.atomic():
        submit(Scope(), "any", {})
        transaction.set_rollback(True)
    assert Job.objects.count() == 1
    assert not connection.run_on_commit


def test_jobs_are_seen_by_right_on_their_collection_in_their_place() -> None:
    editor = account("eve", "editor", "docs*")
    here, other = job_on("docs_1"), job_on("other")
    elsewhere = job_on("docs_1", database="elsewhere")
    assert seen(editor) == {here.pk}
    assert seen(account("vic", "viewer")) == set()
    assert seen(account("ann", "editor")) == {here.pk, other.pk}
    assert seen(account("abe", "editor", database="*")) == {here.pk, other.pk, elsewhere.pk}
    assert seen(SYSTEM) == {here.pk, other.pk, elsewhere.pk}


def test_a_job_of_several_collections_is_seen_by_right_on_all() -> None:
    several = job_on("")
    assert seen(account("eve", "editor", "docs*")) == set()
    assert seen(account("one", "editor", "?")) == set()
    assert seen(account("ann", "editor")) == {several.pk}
    assert JobService(Scope(account("abe", "editor"))).get(several.pk).pk == several.pk


def test_ones_own_jobs_need_no_right() -> None:
    ada, bob = account("ada"), account("bob")
    mine, his = job_on("docs", ada), job_on("docs", bob)
    assert seen(ada) == {mine.pk}
    assert JobService(Scope(ada)).get(mine.pk).pk == mine.pk
    assert JobService(Scope(ada)).cancel(mine.pk).state == JobState.CANCELLED
    assert JobService(Scope(ada)).retry(mine.pk).state == JobState.QUEUED
    with pytest.raises(NotFound):
        JobService(Scope(ada)).get(his.pk)


def test_an_account_of_another_kind_with_the_same_number_is_somebody_else() -> None:
    ada = account("ada")
    job = job_on("docs", ada)
    assert seen(Actor(SERVICE_ACCOUNT, ada.id, "ada")) == set()
    assert seen(Actor(USER, ada.id, "ada")) == {job.pk}


def test_a_key_for_some_collections_shows_its_owners_jobs_on_those() -> None:
    ada = account("ada")
    docs, other, several = job_on("docs", ada), job_on("other", ada), job_on("", ada)
    narrow = narrowed(ada, frozenset({"vector.import"}), "docs*")
    assert seen(narrow) == {docs.pk}
    assert JobService(Scope(narrow)).get(docs.pk).pk == docs.pk
    for hidden in (other, several):
        with pytest.raises(NotFound):
            JobService(Scope(narrow)).get(hidden.pk)
    assert seen(narrowed(ada, None)) == {docs.pk, other.pk, several.pk}
    root = Actor.of(User.objects.create_superuser("root"))
    assert seen(narrowed(root, frozenset({"job.view"}), "docs*")) == {docs.pk}


def test_a_key_that_may_look_may_not_cancel() -> None:
    editor = narrowed(account("eve", "editor"), frozenset({"job.view"}))
    for job in (job_on("docs"), job_on("")):
        service = JobService(Scope(editor))
        assert service.get(job.pk).pk == job.pk
        assert not service.may_cancel(job)
        with pytest.raises(PermissionDenied):
            service.cancel(job.pk)
        job.refresh_from_db()
        assert job.state == JobState.QUEUED


def test_what_is_hidden_is_refused_as_what_is_not_there() -> None:
    service = JobService(Scope(account("eve", "editor", "docs*")))
    hidden = job_on("other")
    for act in (service.get, service.cancel, service.retry):
        told = []
        for number in (hidden.pk, 10**9):
            with pytest.raises(NotFound) as refusal:
                act(number)
            told.append(refusal.value.detail)
        assert told[0] == told[1]
    log.flush()
    assert AuditRecord.objects.filter(actor="eve", allowed=False, collection="other").count() == 3
    hidden.refresh_from_db()
    assert not hidden.cancel_requested


def test_lists_are_narrowed_and_a_state_that_is_none_is_named() -> None:
    failed, other = job_on("docs", state=JobState.FAILED), job_on("other", kind="export")
    service = JobService()
    assert list(service.list(state="failed")) == [failed]
    assert list(service.list(kind="export")) == [other]
    assert list(service.list(collection="docs", kind="any")) == [failed]
    assert list(service.list()) == [other, failed]
    for wrong in ({"state": "dead"}, {"kind": "a\0"}, {"collection": "x" * 256}):
        with pytest.raises(InvalidRequest):
            service.list(**wrong)


def test_a_job_that_never_ran_is_cancelled_at_once() -> None:
    job = JobService().cancel(job_on("docs").pk)
    assert (job.state, job.cancel_requested) == (JobState.CANCELLED, True)
    assert job.finished_at is not None
    assert JobService().cancel(job.pk).state == JobState.CANCELLED


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.QUEUED])
def test_a_job_that_has_run_is_asked_to_end(state: JobState) -> None:
    job = JobService().cancel(job_on("docs", state=state, token=1).pk)
    assert (job.state, job.cancel_requested, job.finished_at) == (state, True, None)


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
def test_a_job_that_has_ended_is_not_cancelled(state: JobState) -> None:
    job = job_on("docs", state=state)
    with pytest.raises(Conflict, match=f"has {state.value} already"):
        JobService().cancel(job.pk)
    job.refresh_from_db()
    assert not job.cancel_requested


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_job_is_tried_again_from_where_it_was(state: JobState) -> None:
    failed = job_on(
        "docs", state=state, token=3, deaths=3, error={"code": "x", "detail": "y"}, cancel_requested=True, done=5
    )
    JobChunk.objects.create(job=failed, key="1")
    job = JobService().retry(failed.pk)
    assert (job.state, job.deaths, job.error, job.cancel_requested) == (JobState.QUEUED, 0, None, False)
    assert (job.finished_at, job.token, job.chunks.count()) == (None, 3, 1)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED])
def test_a_job_under_way_or_done_is_not_tried_again(state: JobState) -> None:
    with pytest.raises(Conflict, match=state.value):
        JobService().retry(job_on("docs", state=state).pk)


def test_what_was_asked_of_jobs_is_recorded() -> None:
    eve = account("eve", "editor")
    job, own = job_on("docs"), job_on("notes", eve)
    service = JobService(Scope(eve))
    service.get(job.pk)
    service.cancel(job.pk)
    service.cancel(own.pk)
    log.flush()
    found = AuditRecord.objects.filter(actor="eve").order_by("seq")
    recorded = {(item.action, item.phase, item.collection, item.parameters.get("job")) for item in found}
    assert {
        ("job.view", "outcome", "docs", job.pk),
        ("job.cancel", "intent", "docs", None),
        ("job.cancel", "outcome", "docs", job.pk),
        ("job.cancel", "outcome", "", own.pk),
    } <= recorded
    assert all(item.allowed for item in found)


def test_how_far_it_is_and_how_long_it_takes() -> None:
    job = Job(state=JobState.RUNNING, done=25, total=100, rate=5.0)
    assert (job.progress, job.eta_s) == (0.25, 15.0)
    assert (Job(done=5).progress, Job(done=300, total=100).progress) == (0.0, 1.0)
    assert Job(state=JobState.SUCCEEDED, total=None).progress == 1.0
    for unknown in (
        Job(state=JobState.RUNNING, done=1, total=2),
        Job(state=JobState.RUNNING, done=1, rate=5.0),
        Job(state=JobState.QUEUED, done=1, total=2, rate=5.0),
    ):
        assert unknown.eta_s is None
