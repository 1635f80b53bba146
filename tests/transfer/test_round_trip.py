"""What the writers write the readers read: every type, with nulls, bit for bit; no engine between."""

from pathlib import Path
from typing import Any

import pytest

from tests.backup.made import EVERYTHING, everything
from tests.transfer.made import BOUNDS
from vectorstore.domain.arrow import from_arrow, to_arrow
from vectorstore.domain.batch import Batch
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope
from vectorstore.transfer.checking import Checker
from vectorstore.transfer.mapping import Mapping
from vectorstore.transfer.readers import Position, open_rows
from vectorstore.transfer.writers import FORMATS


def known(schema: Any = EVERYTHING) -> KnownCollection:
    return KnownCollection(
        engine=None,  # type: ignore[arg-type]  # nothing is asked of it
        database="default",
        schema=schema,
        indexes={},
        curves={},
        record_id=1,
        uid="u",
        point_in_time=False,
        embedding=None,
        aliases=(),
        partitions=(),
    )


def written(home: Path, kind: Any, batches: list[Batch]) -> Path:
    made = FORMATS[kind](EVERYTHING)
    parts = []
    for number, batch in enumerate(batches):
        parts.append(home / f"part-{number}")
        with parts[-1].open("wb") as file:
            part = made.part(file)
            part.write(batch)
            part.close()
    with (home / "whole").open("wb") as file:
        made.join(parts, file)
    return home / "whole"


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "csv"])
def test_every_type_and_every_null_comes_back(tmp_path: Path, kind: Any) -> None:
    rows = [everything(7), everything(20, 7)]
    path = written(tmp_path, kind, [from_arrow(each, EVERYTHING) for each in rows])
    reader = open_rows(path, kind, BOUNDS)
    checker = Checker(Scope(), known(), Mapping({}, []), reader.values, "seed")
    found = []
    for piece in reader.read(Position()):
        checked = checker.check(piece)
        assert checked.faults == []
        found += to_arrow(checked.batch, EVERYTHING).to_pylist()
    assert repr(found) == repr([row for each in rows for row in each.to_pylist()])


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "csv"])
def test_no_rows_make_a_file_without_rows(tmp_path: Path, kind: Any) -> None:
    reader = open_rows(written(tmp_path, kind, []), kind, BOUNDS)
    assert list(reader.read(Position())) == []
