"""Collections, backups and jobs for the tests of what is made of them."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from vectorstore.backup.repository import new_set_id
from vectorstore.config.settings import current
from vectorstore.domain.errors import NotFound
from vectorstore.domain.models import Consistency, Metric
from vectorstore.domain.requests import CollectionSpec, QueryRequest
from vectorstore.jobs.runner import run
from vectorstore.models import Backup, Job
from vectorstore.service import CollectionService, VectorService


def store_at(bound: pytest.MonkeyPatch, folder: Path) -> Path:
    """Backups go to ``folder``, as they would after a start with that setting."""
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{folder}")
    current.cache_clear()
    return folder


def rows(*keys: str, value: float = 1.0) -> list[dict[str, Any]]:
    return [{"id": key, "vector": [value, 0.1, -0.0, 1e-30], "n": key} for key in keys]


def held(name: str) -> dict[str, Any]:
    """Every row, by its key."""
    request = QueryRequest(limit=5000, consistency=Consistency.STRONG)
    return {row["id"]: row for row in VectorService().query(name, request)}


@contextmanager
def collections(count: int = 1, prefix: str = "b_") -> Iterator[list[str]]:
    """Collections of four dimensions with the rows a and b; they and what was restored from them go afterwards."""
    made = [f"{prefix}{secrets.token_hex(6)}" for _ in range(count)]
    for name in made:
        CollectionService().create(CollectionSpec(name=name, dimension=4, metric=Metric.L2))
        VectorService().insert(name, rows("a", "b"))
    yield made
    for name in made:
        for found in CollectionService().names(name):
            with suppress(NotFound):
                CollectionService().drop(found)


def carried_out(job: Job) -> Job:
    """The job after a run here."""
    run(job.pk)
    job.refresh_from_db()
    return job


def set_row(*names: str, end_at: datetime | None = None, **columns: Any) -> Backup:
    """A set in the index alone, verified."""
    end_at = end_at or timezone.now()
    values = {"state": "verified", "end_at": end_at, "end_seq": 1, "start_seq": 1, **columns}
    held = [{"uid": f"uid-{name}", "name": name, "rows": 2, "size_bytes": 10, "digest": "00"} for name in names]
    return Backup.objects.create(set_id=new_set_id(end_at), collections=held, **values)
