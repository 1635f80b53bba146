"""Bodies of ``backups/``, and what an address of a set or of a policy may hold."""

from datetime import datetime
from typing import Any, TypedDict

from vectorstore.api.openapi import Schema
from vectorstore.backup.manifest import File, Manifest
from vectorstore.backup.policy_service import POLICY_NAME
from vectorstore.backup.set_details import Covered, SetDetails
from vectorstore.models import Backup

Json = dict[str, Any]

SET_PATTERN = "[0-9A-Za-z][0-9A-Za-z_-]{0,63}"
POLICY_PATTERN = POLICY_NAME
_IN_PATH = {"set_id": SET_PATTERN, "policy": POLICY_PATTERN}


class HeldBody(TypedDict):
    """A collection in a set; while the set is being made only its name is known."""

    name: str
    rows: int | None
    size_bytes: int | None
    digest: str | None


class BackupBody(TypedDict):
    """A set holds the state at ``end_sequence``; it can be restored once it is ``succeeded``, and is ``verified`` when
    every row was read again. ``parent`` is the set it is built on; ``consistency`` is ``exact`` or ``fuzzy``."""

    set_id: str
    kind: str
    state: str
    collections: list[HeldBody]
    rows: int
    size_bytes: int
    start_sequence: int | None
    end_sequence: int | None
    start_at: datetime | None
    end_at: datetime | None
    parent: str | None
    policy: str | None
    consistency: str
    pinned: bool
    note: str
    actor: str
    job: int | None
    created_at: datetime
    verified_at: datetime | None
    error: dict[str, Any] | None


class FileBody(TypedDict):
    """``sha256`` is of the bytes that lie at ``path`` on the backup storage."""

    path: str
    size_bytes: int
    sha256: str
    rows: int


class ManifestCollectionBody(TypedDict):
    """``doubt`` says why its rows may not be those that it should have had."""

    name: str
    rows: int
    digest: str
    doubt: str
    files: list[FileBody]


class ManifestBody(TypedDict):
    """``sha256`` is the manifest's own; ``encryption_key`` names the key that the files are encrypted with."""

    format: int
    sha256: str
    product: str
    pymilvus: str
    engine: str
    timeline: int
    encryption_key: str | None
    collections: list[ManifestCollectionBody]


class CoveredBody(TypedDict):
    """``gaps`` are stretches, each from and until, in which nobody knows what a collection held."""

    earliest: datetime
    latest: datetime
    gaps: list[list[datetime]]


class BackupDetailsBody(BackupBody):
    """``manifest`` is null while the set is being made, and where it cannot be read: ``problem`` says why. ``covered``
    are the moments that can be restored from the set and the journal over it; null where it holds no exact one."""

    manifest: ManifestBody | None
    problem: str
    covered: CoveredBody | None


def backup_body(row: Backup) -> BackupBody:
    return {
        "set_id": row.set_id,
        "kind": row.kind,
        "state": row.state,
        "collections": [_held(item) for item in row.collections],
        "rows": row.rows,
        "size_bytes": row.size_bytes,
        "start_sequence": row.start_seq,
        "end_sequence": row.end_seq,
        "start_at": row.start_at,
        "end_at": row.end_at,
        "parent": row.parent.set_id if row.parent else None,
        "policy": row.policy.name if row.policy else None,
        "consistency": row.consistency,
        "pinned": row.pinned,
        "note": row.note,
        "actor": row.actor,
        "job": row.job_id,
        "created_at": row.created_at,
        "verified_at": row.verified_at,
        "error": row.error,
    }


def details_body(found: SetDetails) -> BackupDetailsBody:
    return {
        **backup_body(found.row),
        "manifest": _manifest(found.manifest, found.sha256) if found.manifest else None,
        "problem": found.problem,
        "covered": _covered(found.covered) if found.covered else None,
    }


def _manifest(manifest: Manifest, sha256: str) -> ManifestBody:
    return {
        "format": manifest.format,
        "sha256": sha256,
        "product": manifest.product,
        "pymilvus": manifest.pymilvus,
        "engine": manifest.engine,
        "timeline": manifest.timeline,
        "encryption_key": manifest.encryption_key,
        "collections": [
            {
                "name": entry.name,
                "rows": entry.rows,
                "digest": entry.digest,
                "doubt": entry.doubt,
                "files": [_file(file) for file in entry.files],
            }
            for entry in manifest.collections
        ],
    }


def _file(file: File) -> FileBody:
    return {"path": file.path, "size_bytes": file.size, "sha256": file.sha256, "rows": file.rows}


def _covered(covered: Covered) -> CoveredBody:
    return {"earliest": covered.earliest, "latest": covered.latest, "gaps": [list(gap) for gap in covered.gaps]}


def _held(item: Json) -> HeldBody:
    return {
        "name": item["name"],
        "rows": item.get("rows"),
        "size_bytes": item.get("size_bytes"),
        "digest": item.get("digest"),
    }


class BackupSchema(Schema):
    """An operation whose address holds the id of a set or the name of a policy."""

    def get_operation(self, *args: Any, **options: Any) -> Json | None:
        described = super().get_operation(*args, **options)
        for parameter in (described or {}).get("parameters", ()):
            if parameter["in"] == "path" and parameter["name"] in _IN_PATH:
                parameter["schema"] = {"type": "string", "pattern": f"^{_IN_PATH[parameter['name']]}$"}
        return described
