"""Manifests come back as they were written, and only what this version understands is read."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from vectorstore.backup.manifest import (
    FORMAT,
    PRODUCT,
    CollectionEntry,
    File,
    Layers,
    Manifest,
    Moment,
    read,
    write,
)
from vectorstore.config.settings import BASE_DIR
from vectorstore.domain.errors import BackupDamaged, BackupTooNew

AT = datetime(2026, 3, 1, 12, 30, 0, 250_000, tzinfo=UTC)
MANIFEST = Manifest(
    set_id="s2",
    parent="s1",
    kind="incremental",
    timeline=3,
    start=Moment(2**60, AT),
    end=Moment(None, AT),
    created=AT,
    consistency="fuzzy",
    engine="2.3.5",
    encryption_key="0123456789abcdef",
    who="alice",
    note="ünï",
    collections=(
        CollectionEntry(
            uid="c1",
            name="docs",
            rows=7,
            digest="f" * 32,
            definition=File("sets/s2/collections/c1/schema.json", 10, "a" * 64),
            layers=Layers(
                base=(File("b", 1, "b" * 64, 3, -(2**63), 2**63 - 1),),
                puts=(File("p", 1, "c" * 64, 3, "a\u0000", "é"),),
                deletes=(File("d", 1, "d" * 64, 3),),
                cleared=("p", "q"),
                whole=True,
            ),
            grants=({"role": "reader", "fields": ["a"]},),
        ),
        CollectionEntry(
            uid="c2", name="e", rows=0, digest="0" * 32, definition=File("x", 1, "e" * 64), layers=Layers(cleared=True)
        ),
    ),
)


def _changed(**changed: Any) -> bytes:
    return orjson.dumps({**orjson.loads(write(MANIFEST)), **changed})


def test_a_manifest_comes_back_as_it_was_written() -> None:
    assert read(write(MANIFEST), "m") == MANIFEST
    plain = replace(MANIFEST, encryption_key=None, parent=None, kind="full")
    assert read(write(plain), "m") == plain


def test_names_that_are_not_known_are_passed_over() -> None:
    data = orjson.loads(write(MANIFEST))
    data["collections"][0]["layers"]["bloom"] = []
    data["collections"][0]["definition"]["compressed"] = True
    assert read(orjson.dumps({**data, "format": 9, "colour": "red"}), "m") == replace(MANIFEST, format=9)


def test_a_newer_format_is_refused_with_the_version_needed() -> None:
    text = _changed(format=9, minimum_reader=FORMAT + 1, product="vectorstore 7.1.0")
    with pytest.raises(BackupTooNew, match=r"sets/s2/manifest\.json needs .* vectorstore 7\.1\.0"):
        read(text, "sets/s2/manifest.json")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        write(MANIFEST)[:-20],
        _changed(format="1"),
        _changed(minimum_reader=None),
        _changed(kind="partial"),
        _changed(consistency="roughly"),
        _changed(start={}),
        _changed(created="yesterday"),
        _changed(collections=[{}]),
        _changed(collections=None),
        _changed(set_id=5),
        _changed(encryption=[]),
    ],
)
def test_what_is_no_manifest_is_refused_by_name(text: bytes) -> None:
    with pytest.raises(BackupDamaged, match=r"sets/s2/manifest\.json is no manifest"):
        read(text, "sets/s2/manifest.json")


def test_it_says_who_made_it() -> None:
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]
    assert f"{project['name']} {project['version']}" == PRODUCT
    assert MANIFEST.pymilvus[0].isdigit()
    assert (MANIFEST.rows, MANIFEST.size) == (7, 14)
    assert MANIFEST.collection("c2") is MANIFEST.collections[1]
    assert MANIFEST.collection("c3") is None
