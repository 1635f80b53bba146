from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.audit import an_entry
from vectorstore.audit import log
from vectorstore.audit.query import find

_NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [4, 3, 2, 1]),
        ({"actor": "bob"}, [2]),
        ({"action": "vector.search"}, [3]),
        ({"collection": "images"}, [4]),
        ({"outcome": "permission_denied"}, [4]),
        ({"since": _NOON}, [4, 3]),
        ({"until": _NOON}, [2, 1]),
        ({"actor": "ada", "since": _NOON, "action": "vector.insert"}, [4]),
        ({"actor": "carol"}, []),
    ],
)
def test_records_are_found_by_all_that_is_given_newest_first(
    trail: Path, wanted: dict[str, Any], found: list[int]
) -> None:
    times = [_NOON.replace(hour=hour) for hour in (10, 11, 12, 13)]
    log.append(
        an_entry(ts=times[0]),
        an_entry(ts=times[1], actor="bob"),
        an_entry(ts=times[2], action="vector.search"),
        an_entry(ts=times[3], collection="images", outcome="permission_denied"),
    )
    assert list(find(**wanted).values_list("seq", flat=True)) == found
