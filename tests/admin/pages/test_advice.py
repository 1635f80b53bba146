"""The advice on a collection's page, and its buttons."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.admin.conftest import LIST
from vectorstore.domain.advice import Point
from vectorstore.domain.models import IndexKind
from vectorstore.models import CollectionRecord, IndexAdvice, Job

pytestmark = pytest.mark.django_db


def advise(record: CollectionRecord) -> str:
    """The name of the vector field that something was measured of."""
    field = next(item["name"] for item in record.schema["fields"] if item["type"] == "FLOAT_VECTOR")
    numbers = {"recall": 0.97, "p50_ms": 1.25, "p95_ms": 2.5, "build_s": 3, "memory_mb": 12.5}
    points = [
        Point(kind=IndexKind.HNSW, params={"M": 16}, search={"ef": 64}, today=True, **numbers),
        Point(kind=IndexKind.IVF_SQ8, params={"nlist": 77}, search={"nprobe": 8}, **numbers),
    ]
    IndexAdvice.objects.create(
        uid=record.uid,
        field=field,
        metric="L2",
        dimension=2,
        rows=12,
        sample=12,
        queries=1,
        recall_target=0.9,
        points=[point.to_json() for point in points],
        front=[1],
        recommended=1,
        today=0,
        reasons=["IVF_SQ8 is the fastest."],
    )
    return field


def test_the_page_shows_the_points_and_marks_them(browser: Client, record: CollectionRecord) -> None:
    advise(record)
    page = browser.get(f"{LIST}{record.pk}/change/").content.decode()
    for text in ("IVF_SQ8 is the fastest.", "nlist 77", "nprobe 8", "0.970", "1.25", "recommended", "today", "Pareto"):
        assert text in page


def test_the_buttons_start_jobs(browser: Client, record: CollectionRecord) -> None:
    field = advise(record)
    answer = browser.post(f"{LIST}{record.pk}/advice/sweep/", {"field": field})
    job = Job.objects.get(kind="advise")
    assert answer.headers["Location"].endswith(f"/{job.pk}/change/")
    browser.post(f"{LIST}{record.pk}/advice/apply/", {"field": field, "point": "1"})
    assert Job.objects.get(kind="apply_advice").params["index"]["params"] == {"nlist": 77}


def test_who_may_not_build_indexes_sees_the_points_and_no_buttons(
    browser_with: Callable[..., Client], record: CollectionRecord
) -> None:
    advise(record)
    viewer = browser_with("viewer")
    page = viewer.get(f"{LIST}{record.pk}/change/").content.decode()
    assert "nlist 77" in page
    assert "advice/apply/" not in page
    assert viewer.post(f"{LIST}{record.pk}/advice/sweep/").status_code == 403
    assert not Job.objects.exists()
