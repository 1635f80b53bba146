"""What a set holds of what happens while it is made, and that it holds what it should."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backup.test_run_restore import back_up, params
from tests.support.backups import held, rows, store_at
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup.place import backup_place
from vectorstore.backup.run_restore import run_restore
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.service import CollectionService, PartitionService, VectorService
from vectorstore.service.context import Scope


class Meanwhile(LedgerWork):
    """A work at whose stages other things happen, once each."""

    def __init__(self, **at: Callable[[], Any]) -> None:
        super().__init__()
        self.at = at

    def stage(self, name: str) -> None:
        super().stage(name)
        if act := self.at.pop(name, None):
            act()


@pytest.fixture
def store_folder(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Path:
    return store_at(bound, tmp_path / "backups")


@pytest.fixture
def name(store_folder: Path) -> Iterator[str]:
    made = f"r_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    VectorService().insert(made, rows("a", "b", "c"))
    yield made
    for found in CollectionService().names(made):
        CollectionService().drop(found)


def placed(name: str) -> dict[str, int | None]:
    return {view.name: view.row_count for view in PartitionService().list(name)}


def test_a_partition_that_is_made_meanwhile_is_in_the_set_with_its_rows(name: str) -> None:
    def north() -> None:
        PartitionService().create(name, "north")
        VectorService().insert(name, rows("n"), partition="north")
        VectorService().upsert(name, rows("a", value=2.0), partition="north")

    backup = back_up(name, work=Meanwhile(folding=north))
    assert (backup.state, backup.rows) == ("verified", 4)
    with backup_place() as place:
        (entry,) = place.repository.manifest(backup.set_id).collections
        assert place.repository.definition(entry).partitions == ("north",)
    run_restore(LedgerWork(), Scope(), params(name, backup.end_seq))
    assert placed(f"{name}_back") == placed(name) == {"_default": 2, "north": 2}
    assert held(f"{name}_back") == held(name)
