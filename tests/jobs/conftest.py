"""Jobs of the tests' kinds, on a broker of Redis, in this process and in others."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection
from django.utils import timezone

import tests.support.job_kinds  # noqa: F401  they declare themselves
from vectorstore.config.settings import BASE_DIR
from vectorstore.jobs import drain
from vectorstore.models import Job
from vectorstore.service.context import Scope
from vectorstore.service.job_queue import producer
from vectorstore.service.job_service import submit

Worker = Callable[..., "subprocess.Popen[str]"]
Submit = Callable[..., Job]
QUEUE = "vectorstore:celery:jobs"


@pytest.fixture(autouse=True)
def _takes_work() -> Iterator[None]:
    yield
    drain.end()


@pytest.fixture
def broker(redis_url: str, transactional_db: None, settings: Any) -> Iterator["redis.Redis"]:
    """The Redis that jobs are sent through, without any messages."""
    settings.CELERY_BROKER_URL = redis_url
    producer.cache_clear()
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter("vectorstore:celery:*"):
            client.delete(key)
        yield client
    producer.cache_clear()


@pytest.fixture
def made(transactional_db: None, tmp_path: Path) -> Submit:
    """Submits a job of ``kind`` that writes into ``tmp_path / "file"``."""

    def make(kind: str, scope: Scope | None = None, collection: str = "", **params: Any) -> Job:
        params.setdefault("file", str(tmp_path / "file"))
        return submit(scope or Scope(), f"test.{kind}", params, collection)

    return make


@pytest.fixture
def process(transactional_db: None) -> Iterator[Worker]:
    """Starts ``tests.support.job_worker`` on the database of this test."""
    with ExitStack() as started:

        def start(*what: object) -> "subprocess.Popen[str]":
            command = [sys.executable, "-m", "tests.support.job_worker", str(connection.settings_dict["NAME"])]
            process = subprocess.Popen(
                [*command, *map(str, what)], cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start


def let_lease_end(job: Job) -> None:
    """As if half a minute had gone by."""
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def lines(tmp_path: Path) -> list[str]:
    file = tmp_path / "file"
    return file.read_text().splitlines() if file.exists() else []
