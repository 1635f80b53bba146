"""Kept profiles on their way to the database and the performance log: in batches, off the request's way.

They may be lost, unlike records of the audit log: where they come faster than they are written they are counted and
dropped, and nobody waits.
"""

import logging
import os
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from prometheus_client import Counter

from vectorstore.config.settings import current
from vectorstore.models import SearchProfile
from vectorstore.models.write_behind import WriteBehind
from vectorstore.monitoring import performance_logger

log = logging.getLogger("vectorstore.profiles")

_DROPPED = Counter("vectorstore_profiles_dropped", "Profiles of searches that were to be kept and were not.")


def keep(row: SearchProfile) -> None:
    """For the table and the log within about a second; dropped where too many wait."""
    if getattr(settings, "PROFILE_FLUSHER", True):
        _soon.ensure_thread()
    if not _soon.put(row):
        _drop(1)


def flush() -> None:
    """Write now what ``keep`` was given."""
    _soon.flush()


def discard() -> None:
    """Forget what waits to be written; for tests."""
    _soon.discard()


def purge() -> int:
    """Delete what is older than ``VECTORSTORE_PROFILE_DAYS``, and the oldest beyond ``VECTORSTORE_PROFILE_ROWS``."""
    known, rows = current(), SearchProfile.objects.order_by("-pk")
    gone = rows.filter(at__lt=timezone.now() - timedelta(days=known.profile_days)).delete()[0]
    first_beyond = rows.values_list("pk", flat=True)[known.profile_rows : known.profile_rows + 1].first()
    if first_beyond is not None:
        gone += rows.filter(pk__lte=first_beyond).delete()[0]
    return gone


def _store(rows: Sequence[SearchProfile]) -> None:
    try:
        if current().performance_log:
            performance_logger.write(rows)
        SearchProfile.objects.bulk_create(rows)
    except (DatabaseError, OSError) as error:
        log.warning("%d profiles could not be written: %s", len(rows), type(error).__name__)
        _drop(len(rows))
    except Exception:  # left to the buffer, a batch that can never be written would be tried for ever
        log.exception("%d profiles could not be written", len(rows))
        _drop(len(rows))


def _drop(number: int) -> None:
    _DROPPED.inc(number)
    _soon.drop(number)


def _tell(dropped: int) -> None:
    log.warning("%d profiles were dropped", dropped)


_soon = WriteBehind(_store, name="profile-writer", limit=2_000, batch=500, every_s=1.0, tell=_tell)

os.register_at_fork(after_in_child=_soon.begin_anew)
