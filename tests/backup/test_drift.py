"""Writes around the gateway are found, and adopted or reverted."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import RunningEngine
from vectorstore.backup import drift
from vectorstore.backup.ledgers import up_to_date
from vectorstore.backup.merge import conform
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.config.settings import current
from vectorstore.domain.arrow import to_arrow
from vectorstore.domain.collection import Field
from vectorstore.domain.digest import digest_of
from vectorstore.domain.errors import Conflict
from vectorstore.domain.models import Consistency, DataType, Metric
from vectorstore.domain.requests import CollectionSpec, DeleteRequest, QueryRequest
from vectorstore.domain.rows import read_rows
from vectorstore.journal.changes import Rows
from vectorstore.journal.sequence import position
from vectorstore.models import Drift, JournalEntry
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope


@pytest.fixture
def place(
    tmp_path: Path, engine: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch
) -> Iterator[BackupPlace]:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    current.cache_clear()
    with backup_place() as found:
        yield found


@pytest.fixture
def name(place: BackupPlace) -> Iterator[str]:
    made = f"d_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    VectorService().insert(made, rows(*[f"k{number}" for number in range(20)]))
    yield made
    CollectionService().drop(made)


def rows(*keys: str, value: float = 1.0) -> list[dict[str, Any]]:
    return [{"id": key, "vector": [value, 0.1, -0.0, 1e-30], "n": key} for key in keys]


def held(name: str) -> dict[str, Any]:
    request = QueryRequest(limit=1000, consistency=Consistency.STRONG)
    return {row["id"]: row for row in VectorService().query(name, request)}


def bypass(name: str, *written: str, deleted: str = "", value: float = 7.0) -> None:
    """Straight to Milvus: rows of ``written`` upserted, the row ``deleted`` gone."""
    known = look_up(Scope(), name)[0]
    adapter = known.engine.adapter
    if written:
        adapter.upsert("default", known.schema, read_rows(rows(*written, value=value), known.schema))
    if deleted:
        adapter.delete("default", known.schema, f'id == "{deleted}"', by_id=True)


def test_nothing_is_found_where_nobody_bypassed(name: str, place: BackupPlace) -> None:
    assert drift.look(Scope(), name, place) is None
    VectorService().upsert(name, rows("k1", "new", value=2.0))
    VectorService().delete(name, DeleteRequest(ids=["k2"]))
    assert drift.look(Scope(), name, place) is None
    assert not Drift.objects.exists()


def test_a_row_more_or_less_is_found_by_the_count(name: str, place: BackupPlace) -> None:
    bypass(name, "alien")
    found = drift.look(Scope(), name, place)
    assert found is not None
    assert (found.expected, found.found, found.collection) == (20, 21, name)
    assert found.since is not None
    again = drift.look(Scope(), name, place)
    assert again is not None
    assert again.pk == found.pk
    assert len(drift.tainted(found.uid)) == 1


def test_an_insert_and_a_delete_with_the_same_count_are_found_by_the_digest(name: str, place: BackupPlace) -> None:
    bypass(name, "alien", deleted="k3")
    found = drift.look(Scope(), name, place)
    assert found is not None
    assert "1 rows more, 1 rows less" in found.detail


def test_what_others_wrote_before_a_write_of_the_gateway_is_within_the_stretch(name: str, place: BackupPlace) -> None:
    assert drift.look(Scope(), name, place) is None
    agreed = position()[1]
    bypass(name, "alien")
    VectorService().insert(name, rows("ours"))
    written = JournalEntry.objects.latest("seq").at
    found = drift.look(Scope(), name, place)
    assert found is not None
    assert found.since is not None
    assert found.since <= agreed < written
    assert drift.tainted(found.uid)[0][0] == found.since


def test_a_sample_that_differs_taints_all_since_every_row_agreed(
    name: str, place: BackupPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drift.look(Scope(), name, place) is None
    agreed = position()[1]
    bypass(name, "k9")  # the last of the keys
    monkeypatch.setattr(drift, "SAMPLE_ROWS", 5)
    monkeypatch.setattr("random.randrange", lambda _: 0)
    assert drift.look(Scope(), name, place) is None
    monkeypatch.undo()
    found = drift.look(Scope(), name, place)
    assert found is not None
    assert found.since is not None
    assert found.since <= agreed
    drift.adopt(Scope(), name, place)
    bypass(name, "k1", value=8.0)
    again = drift.look(Scope(), name, place)
    assert again is not None
    assert again.since is not None
    assert again.since > agreed


def test_what_is_adopted_is_the_journals_from_then_on(name: str, place: BackupPlace) -> None:
    bypass(name, "alien", "k1", deleted="k3")
    wanted = held(name)
    found = drift.adopt(Scope(), name, place)
    assert (found.extra, found.missing, found.changed) == (["alien"], ["k3"], ["k1"])
    assert held(name) == wanted
    assert drift.look(Scope(), name, place) is None


def test_what_is_reverted_is_as_the_journal_says(name: str, place: BackupPlace) -> None:
    wanted = held(name)
    bypass(name, "alien", "k1", deleted="k3")
    assert drift.look(Scope(), name, place) is not None
    drift.revert(Scope(), name, place)
    assert held(name) == wanted
    assert drift.look(Scope(), name, place) is None
    assert Drift.objects.get().resolution == "reverted"


def test_a_field_that_was_added_around_the_gateway_is_null_in_every_row_of_before(
    name: str, place: BackupPlace
) -> None:
    """No engine of the tests can add a field, so the schema alone is changed here."""
    known = look_up(Scope(), name)[0]
    before = up_to_date(known, place)
    assert before is not None
    wider = replace(known.schema, fields=(*known.schema.fields, Field("added", DataType.INT64, nullable=True)))
    VectorService().upsert(name, rows("k1", "new", value=2.0))
    after = up_to_date(replace(known, schema=wider), place)
    assert after is not None
    assert (before.rows, after.rows) == (20, 21)
    held = known.engine.adapter.scan("default", known.schema, drift._STRONG)
    columns = [Rows(to_arrow(batch, known.schema), "") for batch in held]
    assert after.digest == digest_of([conform(part, wider) for part in columns], wider).hex
    again = up_to_date(known, place)
    assert again is not None
    assert again.digest == digest_of([part.columns for part in columns], known.schema).hex


def test_changed_fields_cannot_be_reverted(name: str, place: BackupPlace) -> None:
    uid = look_up(Scope(), name)[0].uid
    Drift.objects.create(uid=uid, collection=name, kind="schema", detail="fields added were added or dropped")
    with pytest.raises(Conflict, match="adopt that"):
        drift.revert(Scope(), name, place)
    drift.adopt(Scope(), name, place)
    assert Drift.objects.get().resolution == "adopted"
