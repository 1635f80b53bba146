"""The dead are missed, and what the broker lost is asked for again."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone

from tests.jobs.conftest import QUEUE, Submit, let_lease_end
from tests.support.engines import free_port
from vectorstore.jobs.lease import take
from vectorstore.jobs.sweeper import LOST_AFTER, Swept, sweep
from vectorstore.models import Job, JobState
from vectorstore.service.job_queue import producer
from vectorstore.tasks import sweep_jobs


def _age() -> None:
    Job.objects.update(enqueued_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))


def test_a_message_is_sent_when_a_job_is_submitted(broker: "redis.Redis", made: Submit) -> None:
    job = made("chunks")
    job.refresh_from_db()
    assert broker.llen(QUEUE) == 1
    assert job.enqueued_at is not None
    assert sweep() == Swept(0, 0, 0)


def test_a_message_that_was_lost_is_sent_again(broker: "redis.Redis", made: Submit) -> None:
    job = made("chunks")
    broker.delete(QUEUE)
    assert sweep() == Swept(0, 0, 0)  # somebody may have it in hand
    _age()
    assert sweep_jobs() == 1
    assert broker.llen(QUEUE) == 1
    job.refresh_from_db()
    assert timezone.now() - job.enqueued_at < LOST_AFTER


def test_jobs_that_wait_for_their_turn_are_not_sent_again(broker: "redis.Redis", made: Submit) -> None:
    for _ in range(3):
        made("chunks")
    _age()
    assert sweep() == Swept(0, 0, 0)
    assert broker.llen(QUEUE) == 3


def test_jobs_that_run_or_have_ended_are_left_alone(broker: "redis.Redis", made: Submit) -> None:
    take(made("chunks").pk)
    Job.objects.filter(pk=made("chunks").pk).update(state=JobState.CANCELLED)
    broker.delete(QUEUE)
    _age()
    assert sweep() == Swept(0, 0, 0)


def test_a_job_whose_worker_died_is_sent_again(broker: "redis.Redis", made: Submit) -> None:
    job = made("chunks")
    broker.delete(QUEUE)
    take(job.pk)
    let_lease_end(job)
    assert sweep() == Swept(1, 0, 1)
    job.refresh_from_db()
    assert (job.state, job.deaths, broker.llen(QUEUE)) == (JobState.QUEUED, 1, 1)


def test_the_third_death_is_not_sent_again(broker: "redis.Redis", made: Submit) -> None:
    job = made("chunks")
    broker.delete(QUEUE)
    Job.objects.update(deaths=2)
    take(job.pk)
    let_lease_end(job)
    assert sweep() == Swept(1, 1, 0)
    job.refresh_from_db()
    assert (job.state, job.error["code"], broker.llen(QUEUE)) == (JobState.FAILED, "job_quarantined", 0)


@pytest.fixture
def broker_away(transactional_db: None, settings: Any) -> None:
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    producer.cache_clear()


def test_a_broker_that_is_away_stops_nobody(broker_away: None, made: Submit) -> None:
    job = made("chunks")
    assert sweep() == Swept(0, 0, 0)
    job.refresh_from_db()
    assert (job.state, job.enqueued_at) == (JobState.QUEUED, None)


def test_what_was_submitted_while_the_broker_was_away_is_sent_when_it_is_back(
    broker_away: None, made: Submit, redis_url: str, settings: Any
) -> None:
    made("chunks")
    settings.CELERY_BROKER_URL = redis_url
    producer.cache_clear()
    with redis.Redis.from_url(redis_url) as client:
        client.delete(QUEUE)
        assert sweep() == Swept(0, 0, 1)
        assert client.llen(QUEUE) == 1
    producer.cache_clear()
