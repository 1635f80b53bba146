"""Profiles on record."""

from typing import Any

from django.utils import timezone

from vectorstore.models import SearchProfile


def a_profile(collection: str = "docs", **columns: Any) -> SearchProfile:
    """As ``unsaved``, on record."""
    profile = unsaved(collection, **columns)
    profile.save()
    return profile


def unsaved(collection: str = "docs", **columns: Any) -> SearchProfile:
    """A slow search of ``collection``; ``columns`` say what is particular to it."""
    usual: dict[str, Any] = {
        "at": timezone.now(),
        "kept_for": "slow",
        "kind": "search",
        "actor": "ada",
        "cluster": "default",
        "database": "default",
        "collection": collection,
        "shape_hash": "0" * 16,
        "took_ms": 300.0,
        "stages": {"plan": 1.0, "milvus": 299.0},
        "attempts": 1,
        "outcome": "ok",
    }
    return SearchProfile(**usual | columns)
