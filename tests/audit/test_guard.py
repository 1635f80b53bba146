from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from tests.support.audit import fill, sql
from vectorstore.audit import guard
from vectorstore.audit.verify import verify
from vectorstore.models import AuditRecord

on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'")
on_postgres = pytest.mark.skipif("connection.vendor != 'postgresql'")


@pytest.fixture
def guarded(trail: Path) -> Iterator[None]:
    guard.install(connection)
    yield
    guard.remove(connection)


def _refused(statement: str) -> None:
    with pytest.raises(DatabaseError, match="only be added"), transaction.atomic():
        sql(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {records} SET actor = 'mallory' WHERE seq = 2",
        "UPDATE {records} SET seq = 9 WHERE seq = 2",
        "DELETE FROM {records} WHERE seq = 2",
        "DELETE FROM {records}",
        pytest.param("INSERT OR REPLACE INTO {records} SELECT * FROM {records} WHERE seq = 2", marks=on_sqlite),
        pytest.param("TRUNCATE {records}", marks=on_postgres),
    ],
)
def test_records_can_neither_be_changed_nor_removed(guarded: None, statement: str) -> None:
    fill(3)
    _refused(statement)
    verdict = verify()
    assert (verdict.intact, verdict.records) == (True, 3)


def test_records_can_be_added(guarded: None) -> None:
    fill(3)
    assert AuditRecord.objects.count() == 3


def test_it_can_be_installed_twice_and_removed_twice(trail: Path) -> None:
    for _ in range(2):
        guard.install(connection)
        assert guard.installed(connection)
    for _ in range(2):
        guard.remove(connection)
        assert not guard.installed(connection)


@transaction.atomic
def _fail_while_lifted() -> None:
    with guard.lifted(connection):
        AuditRecord.objects.all().delete()
        raise ZeroDivisionError


def test_an_error_while_it_is_lifted_puts_it_back(guarded: None) -> None:
    fill(3)
    with pytest.raises(ZeroDivisionError):
        _fail_while_lifted()
    assert guard.installed(connection)
    assert AuditRecord.objects.count() == 3


@transaction.atomic
def _as_gateway(statement: str) -> None:
    sql('SET LOCAL ROLE "gate""way"')
    sql(statement)


@on_postgres
def test_a_role_without_the_rights_can_read_and_add_only(trail: Path) -> None:
    fill(2)
    sql('DROP ROLE IF EXISTS "gate""way"')
    sql('CREATE ROLE "gate""way"')
    sql(guard.revoke_statements('gate"way'))
    try:
        for statement in ("UPDATE {records} SET actor = ''", "DELETE FROM {records}", "TRUNCATE {records}"):
            with pytest.raises(DatabaseError, match="permission denied"):
                _as_gateway(statement)
        _as_gateway("SELECT * FROM {records}")
    finally:
        sql('DROP OWNED BY "gate""way"')
        sql('DROP ROLE "gate""way"')
    assert verify().intact
