"""What callers ask for about backups, as the REST contract names it; see `requests`."""

from dataclasses import dataclass
from dataclasses import field as made_by
from datetime import datetime
from typing import Literal

Kind = Literal["full", "incremental"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """Back up ``collections``: names, or patterns with ``*`` and ``?``; ``"*"`` for all that the caller may."""

    collections: list[str] | str
    kind: Kind = "full"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupChanges:
    """PATCH of a backup: what is None stays as it is."""

    pinned: bool | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRequest:
    """How many are kept: the last ones, and the newest of so many hours, days, weeks, months; all 0 keeps every one.

    ``window_days``: whatever the counts, every moment of the last so many days can be restored.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    window_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPolicyRequest:
    """Back up when ``schedule`` (cron, in ``timezone``) says so; each ``drill_every``-th set is restored on trial."""

    name: str
    collections: list[str] | str
    schedule: str
    timezone: str = "UTC"
    kind: Kind = "full"
    retention: RetentionRequest = made_by(default_factory=RetentionRequest)
    drill_every: int = 0
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPolicyChanges:
    """PATCH of a policy: what is None stays as it is."""

    collections: list[str] | str | None = None
    schedule: str | None = None
    timezone: str | None = None
    kind: Kind | None = None
    retention: RetentionRequest | None = None
    drill_every: int | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """Restore a collection to a moment: exactly one of the following.

    ``backup``: the end of that set; ``point_in_time``; ``sequence``: a number of the journal; ``restore_point``: a
    name; ``latest``: the last write; ``before``: the id of a request, just before it wrote.

    ``collection`` may be left out where the set holds one; ``collections`` restores several to one moment, each to its
    own name, and none takes its name before all are proved.

    ``mode`` ``new`` makes ``target_name``; ``replace`` puts it in the place of the live collection, which is kept under
    another name; ``data`` writes the rows into the live collection, over those with the same keys. ``partitions`` and
    ``filter`` restore a part. ``acknowledge_drift``: go on although others wrote around the gateway at that moment, so
    that the journal does not have all of it.
    """

    collection: str | None = None
    collections: list[str] | None = None
    backup: str | None = None
    point_in_time: datetime | None = None
    sequence: int | None = None
    restore_point: str | None = None
    latest: bool = False
    before: str | None = None
    target_name: str | None = None
    target_cluster: str | None = None
    mode: Literal["new", "replace", "data"] = "new"
    partitions: list[str] | None = None
    filter: str | None = None
    schema_only: bool = False
    with_indexes: bool = True
    dry_run: bool = False
    acknowledge_drift: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePointRequest:
    collection: str
    name: str
