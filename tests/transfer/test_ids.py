from pathlib import Path

import numpy as np
import pytest

from vectorstore.domain.collection import Field
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.models import DataType
from vectorstore.transfer.ids import Seen, derived

NUMBER = Field("id", DataType.INT64, primary=True)
TEXT = Field("id", DataType.VARCHAR, primary=True, max_length=36)


@pytest.mark.parametrize("primary", [NUMBER, TEXT])
def test_ids_are_the_same_for_a_row_and_others_for_every_other(primary: Field) -> None:
    made = derived("one", range(20_000), primary)
    assert len(set(made)) == 20_000
    assert derived("one", [7, 19_999], primary) == [made[7], made[19_999]]
    assert not set(made) & set(derived("two", range(20_000), primary))
    if primary is NUMBER:
        assert all(0 <= int(each) < 2**62 for each in made)
    else:
        assert {len(str(each)) for each in made} == {36}


def test_rows_that_repeat_an_id_are_found_with_the_row_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for at_once in (3, 10**6):
        monkeypatch.setattr("vectorstore.transfer.ids._AT_ONCE", at_once)
        seen = Seen(tmp_path / f"ids{at_once}")
        seen.add(["a", "b", "c"], np.array([0, 1, 2]))
        seen.add(["d", "b"], np.array([4, 5]))
        seen.add(["lost"], np.array([9]))
        seen.cut(5)
        seen.add(["a", "b", "e"], np.array([6, 7, 8]))
        assert [(int(each["row"]), int(each["key"])) for each in seen.repeated()] == [(5, 1), (6, 0), (7, 5)]


def test_integers_are_told_apart_exactly(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "ids")
    ids = [-(2**63), 2**63 - 1, 0, -1, 1, 2**62, -(2**62)]
    seen.add(ids, np.arange(7))
    assert len(seen.repeated()) == 0
    seen.add([-1], np.array([7]))
    assert seen.repeated()["row"].tolist() == [7]


def test_no_ids_at_all(tmp_path: Path) -> None:
    assert len(Seen(tmp_path / "ids").repeated()) == 0


def test_repeating_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vectorstore.transfer.ids._MOST_REPEATED", 10)
    seen = Seen(tmp_path / "ids")
    seen.add([1] * 12, np.arange(12))
    with pytest.raises(InvalidRequest, match="More than 10 rows"):
        seen.repeated()
