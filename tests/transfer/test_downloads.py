from datetime import timedelta
from pathlib import Path

import pytest
from django.core import signing
from django.utils import timezone

from vectorstore.access.actor import Actor
from vectorstore.domain.errors import NotFound
from vectorstore.models import AuditRecord
from vectorstore.service.context import Scope
from vectorstore.transfer import folders
from vectorstore.transfer.downloads import offer, open_download

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token() -> str:
    transfer = folders.make()
    with folders.whole_file(folders.folder(transfer) / "rows.csv") as file:
        file.write(b"id\r\n")
    scope = Scope(actor=Actor("user", 7, "ann"), database="db")
    link = offer(transfer, "rows.csv", "text/csv", scope, "docs", "vector.export")
    assert link.startswith("/api/v1/downloads/")
    return link.split("/")[-2]


def test_a_link_gives_the_file_and_is_recorded_as_its_makers(token: str) -> None:
    found = open_download(token)
    assert found.path.read_bytes() == b"id\r\n"
    assert (found.name, found.media) == ("docs-rows.csv", "text/csv")
    record = AuditRecord.objects.get()
    assert (record.action, record.actor, record.actor_id, record.method) == ("vector.export", "ann", "7", "link")
    assert (record.database, record.collection, record.phase, record.outcome) == ("db", "docs", "outcome", "ok")


def test_forged_expired_and_gone_are_one_answer(token: str, monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    transfer = signing.loads(token, salt="vectorstore.transfer.download")
    hostile = [
        "", "x", token[:-1], token + "x", token.swapcase(),
        signing.dumps(transfer), signing.dumps("../../etc", salt="vectorstore.transfer.download"),
        signing.dumps("0" * 32, salt="vectorstore.transfer.download"),
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        day = (timezone.now() - timedelta(hours=25)).timestamp()
        patch.setattr("django.core.signing.time.time", lambda: day)
        hostile.append(signing.dumps(transfer, salt="vectorstore.transfer.download"))
    told = set()
    for each in hostile:
        with pytest.raises(NotFound) as caught:
            open_download(each)
        told.add(caught.value.detail)
    folders.remove(transfer)
    with pytest.raises(NotFound) as caught:
        open_download(token)
    assert told == {caught.value.detail}
    assert not AuditRecord.objects.exists()
