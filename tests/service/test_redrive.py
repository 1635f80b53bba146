"""What is in doubt is sent again; what only tells of a change sends nothing."""

import pytest

from tests.support.journal import journalled_rows, known
from vectorstore.domain.requests import CountRequest
from vectorstore.journal.entry import Draft
from vectorstore.journal.frame import Op
from vectorstore.journal.reading import frame_of
from vectorstore.journal.writer import writer
from vectorstore.models import JournalEntry
from vectorstore.service import VectorService


@pytest.mark.parametrize("op", ["DEF", "MARK"])
def test_an_unsettled_definition_or_mark_changes_no_row(empty: str, op: str) -> None:
    service = VectorService()
    service.insert(empty, [{"id": key, "vector": [1.0] * 8} for key in ("k1", "k2")])
    entry = JournalEntry.objects.filter(uid=known(empty).uid, op="DEF").last()
    payload = frame_of(entry.seq).payload if entry is not None else b"{}"
    (told,) = writer().intend(Draft(Op[op], known(empty).uid, payload, 0, "", {"name": "a", "dropped": False}))
    writer().doubt(told.seq)
    service.insert(empty, [{"id": "k3", "vector": [1.0] * 8}])
    assert service.count(empty, CountRequest()) == 3
    assert journalled_rows(empty).keys() == {"k1", "k2", "k3"}
    assert JournalEntry.objects.get(seq=told.seq).state == "committed"
