"""The manifest of a set: all that is known of it, written last, after its own SHA-256.

Each format can be read by every later version. ``minimum_reader`` is the oldest format whose reader understands a
manifest, so that a new format refuses old readers only where it must; names they do not know are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any, Literal

import orjson

from vectorstore.domain.errors import BackupDamaged, BackupTooNew
from vectorstore.domain.models import RowId

FORMAT = 2
"""1: the digests do not cover the partition that a row is in. 2: they do."""
MINIMUM_READER = 2
PRODUCT = "vectorstore 0.1.0"
NAME = "manifest.json"
CHECKSUM = "manifest.sha256"

Kind = Literal["full", "incremental"]
Consistency = Literal["exact", "fuzzy"]


@dataclass(frozen=True, slots=True)
class File:
    """One file; ``path`` from the root of the storage, ``sha256`` and ``size`` of the bytes that lie there.

    ``first_key`` and ``last_key`` are the smallest and largest key, and None where the file is encrypted.
    """

    path: str
    size: int
    sha256: str
    rows: int = 0
    first_key: RowId | None = None
    last_key: RowId | None = None


@dataclass(frozen=True, slots=True)
class Layers:
    """``base``, and over it what changed: ``puts`` and ``deletes`` have no key in common.

    ``whole``: every row was read into ``base``, so that nothing of the parent is part of it. ``cleared`` says that
    nothing of ``base`` or of the parent is left but what ``puts`` holds; or of which partitions.
    """

    base: tuple[File, ...] = ()
    puts: tuple[File, ...] = ()
    deletes: tuple[File, ...] = ()
    cleared: bool | tuple[str, ...] = False
    whole: bool = False

    @property
    def files(self) -> tuple[File, ...]:
        return (*self.base, *self.puts, *self.deletes)


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """One collection at ``end``: ``rows`` and ``digest`` (``domain.digest``) are of base, parents and overlay together.

    ``definition`` is the file with its ``domain.definition``; ``grants`` are plain data. ``doubt`` says why the rows
    may not be those that the collection should have had; empty where they are.
    """

    uid: str
    name: str
    rows: int
    digest: str
    definition: File
    layers: Layers = Layers()
    grants: tuple[dict[str, Any], ...] = ()
    doubt: str = ""

    @property
    def files(self) -> tuple[File, ...]:
        return (self.definition, *self.layers.files)


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in the journal; ``seq`` is None without one. ``at`` is aware."""

    seq: int | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``start`` and ``end`` are S0 and S1: the set holds the state at ``end``."""

    set_id: str
    kind: Kind
    start: Moment
    end: Moment
    created: datetime
    collections: tuple[CollectionEntry, ...]
    parent: str | None = None
    timeline: int = 1
    consistency: Consistency = "exact"
    engine: str = ""
    cluster: str = "default"
    database: str = "default"
    encryption_key: str | None = None
    who: str = ""
    note: str = ""
    product: str = PRODUCT
    pymilvus: str = field(default_factory=lambda: version("pymilvus"))
    format: int = FORMAT

    @property
    def rows(self) -> int:
        return sum(entry.rows for entry in self.collections)

    @property
    def size(self) -> int:
        """Bytes of its own files, without the parents'."""
        return sum(file.size for file in self.files())

    @property
    def places(self) -> bool:
        """Whether its digests cover the partition that a row is in."""
        return self.format > 1

    @property
    def doubts(self) -> list[str]:
        return [entry.doubt for entry in self.collections if entry.doubt]

    def files(self) -> Iterator[File]:
        """Every file but the manifest."""
        for entry in self.collections:
            yield from entry.files

    def collection(self, uid: str) -> CollectionEntry | None:
        return next((entry for entry in self.collections if entry.uid == uid), None)


def write(manifest: Manifest) -> bytes:
    """Its JSON text; ``read`` gives it back."""
    key = manifest.encryption_key
    data = {
        "format": FORMAT,
        "minimum_reader": MINIMUM_READER,
        "product": manifest.product,
        "pymilvus": manifest.pymilvus,
        "engine": manifest.engine,
        "set_id": manifest.set_id,
        "kind": manifest.kind,
        "cluster": manifest.cluster,
        "database": manifest.database,
        "timeline": manifest.timeline,
        "parent": manifest.parent,
        "start": manifest.start,
        "end": manifest.end,
        "consistency": manifest.consistency,
        "encryption": {"algorithm": "AES-256-GCM", "key": key} if key else None,
        "who": manifest.who,
        "note": manifest.note,
        "created": manifest.created,
        "rows": manifest.rows,
        "collections": manifest.collections,
    }
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read(text: bytes, path: str) -> Manifest:
    """``path`` is for messages.

    Raises:
        BackupTooNew: a newer version is needed to read it.
        BackupDamaged: it is no manifest.
    """
    try:
        data = orjson.loads(text)
        needed = data["minimum_reader"]
        if type(needed) is not int or type(data["format"]) is not int:
            raise TypeError("the format is no number")
    except (ValueError, KeyError, TypeError) as error:
        raise BackupDamaged(f"{path} is no manifest: {error}") from None
    if needed > FORMAT:
        raise BackupTooNew(
            f"{path} needs a reader of format {needed}, which {data.get('product', 'a newer version')} has;"
            f" {PRODUCT} reads up to format {FORMAT}."
        )
    try:
        return _manifest(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupDamaged(f"{path} is no manifest: {type(error).__name__} {error}") from None


def _manifest(data: dict[str, Any]) -> Manifest:
    encryption = data["encryption"]
    return Manifest(
        set_id=_text(data["set_id"]),
        kind=_one_of(data["kind"], ("full", "incremental")),
        start=_moment(data["start"]),
        end=_moment(data["end"]),
        created=datetime.fromisoformat(data["created"]),
        collections=tuple(_collection(item) for item in data["collections"]),
        parent=None if data["parent"] is None else _text(data["parent"]),
        timeline=int(data["timeline"]),
        consistency=_one_of(data["consistency"], ("exact", "fuzzy")),
        engine=_text(data["engine"]),
        cluster=_text(data["cluster"]),
        database=_text(data["database"]),
        encryption_key=None if encryption is None else _text(encryption["key"]),
        who=_text(data["who"]),
        note=_text(data["note"]),
        product=_text(data["product"]),
        pymilvus=_text(data["pymilvus"]),
        format=data["format"],
    )


def _collection(data: dict[str, Any]) -> CollectionEntry:
    layers = data["layers"]
    cleared = layers["cleared"]
    return CollectionEntry(
        uid=_text(data["uid"]),
        name=_text(data["name"]),
        rows=int(data["rows"]),
        digest=_text(data["digest"]),
        definition=file_from(data["definition"]),
        layers=Layers(
            base=tuple(file_from(item) for item in layers["base"]),
            puts=tuple(file_from(item) for item in layers["puts"]),
            deletes=tuple(file_from(item) for item in layers["deletes"]),
            cleared=cleared if isinstance(cleared, bool) else tuple(_text(name) for name in cleared),
            whole=_one_of(layers["whole"], (True, False)),
        ),
        grants=tuple(dict(item) for item in data["grants"]),
        doubt=_text(data.get("doubt", "")),
    )


def file_from(data: dict[str, Any]) -> File:
    """A ``File`` from its plain data (``dataclasses.asdict``), as manifests and ledgers of jobs keep it.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    return File(
        path=_text(data["path"]),
        size=int(data["size"]),
        sha256=_text(data["sha256"]),
        rows=int(data["rows"]),
        first_key=data["first_key"],
        last_key=data["last_key"],
    )


def _moment(data: dict[str, Any]) -> Moment:
    return Moment(None if data["seq"] is None else int(data["seq"]), datetime.fromisoformat(data["at"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _one_of(value: Any, choices: tuple[str, ...] | tuple[bool, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"{value!r} is none of {', '.join(map(str, choices))}")
    return value
