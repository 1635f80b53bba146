"""Without the audit log nothing is changed and nothing is told: a write is refused before Milvus hears of it."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection

from tests.api.client import Api, assert_problem
from vectorstore.audit import log
from vectorstore.config.settings import current
from vectorstore.models import AuditRecord
from vectorstore.service import CollectionService, VectorService

ROWS = {"vectors": [{"id": "a", "vector": [1, 0, 0, 0]}]}


@pytest.fixture
def unwritable(collection: str) -> Iterator[None]:
    """The table of the audit log takes no record."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "CREATE TRIGGER closed BEFORE INSERT ON vectorstore_auditrecord"
                " BEGIN SELECT RAISE(ABORT, 'read only'); END"
            )
        else:
            cursor.execute(
                "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'read only'; END $$;"
                "CREATE TRIGGER closed BEFORE INSERT ON vectorstore_auditrecord FOR EACH ROW EXECUTE FUNCTION closed()"
            )
    yield
    with connection.cursor() as cursor:
        on = " ON vectorstore_auditrecord" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER closed{on}")
        if connection.vendor == "postgresql":
            cursor.execute("DROP FUNCTION closed()")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "vectors/", ROWS),
        ("PUT", "vectors/", ROWS),
        ("POST", "vectors/delete/", {"ids": ["kept"]}),
        ("POST", "vectors/delete/", {"filter": "id != ''"}),
        ("POST", "truncate/", None),
        ("POST", "rename/", {"new_name": "other_name"}),
        ("PATCH", "", {"description": "changed"}),
        ("DELETE", "", None),
    ],
)
def test_a_write_that_cannot_be_recorded_is_503_and_milvus_untouched(
    api: Api, collection: str, unwritable: None, method: str, path: str, body: object
) -> None:
    answer = api(method, f"collections/{collection}/{path}", body)
    assert_problem(answer, 503, "audit_unavailable")
    assert answer["Retry-After"] == "1"
    assert [view.collection.name for view in CollectionService().list() if view.collection.name == collection]
    assert CollectionService().describe(collection).collection.description == ""
    assert VectorService().count(collection) == 0


def test_a_collection_and_a_grant_are_not_made_either(api: Api, unwritable: None, user: User) -> None:
    answer = api.post("collections/", {"name": "never_made", "dimension": 4})
    assert_problem(answer, 503, "audit_unavailable")
    assert "never_made" not in CollectionService().names()
    assert_problem(api.post("grants/", {"user": "ada", "role": "viewer"}), 503, "audit_unavailable")
    assert not user.grants.exists()


def test_nobody_signs_in_unrecorded(anonymous: Api, user: User, unwritable: None) -> None:
    answer = anonymous.post("auth/token/", {"username": "ada", "password": "correct horse"})
    assert_problem(answer, 503, "audit_unavailable")
    assert b"access" not in answer.content


def test_reads_go_on_while_they_can_wait_and_end_when_too_many_do(
    api: Api, collection: str, unwritable: None, bound: pytest.MonkeyPatch
) -> None:
    search = {"vector": [1, 0, 0, 0]}
    bound.setattr(log._soon, "limit", 3)
    log.discard()
    answers = [api.post(f"collections/{collection}/search/", search).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 503, 503]
    bound.setenv("AUDIT_READS", "best_effort")
    current.cache_clear()
    assert api.post(f"collections/{collection}/search/", search).status_code == 200


def test_what_waited_is_recorded_when_the_log_is_back(
    api: Api, collection: str, client_of: Callable[[User], Api]
) -> None:
    log.flush()
    before = AuditRecord.objects.count()
    api.post(f"collections/{collection}/search/", {"vector": [1, 0, 0, 0]})
    log.flush()
    (record,) = AuditRecord.objects.filter(seq__gt=before)
    assert (record.action, record.collection, record.phase, record.outcome) == (
        "vector.search",
        collection,
        "outcome",
        "ok",
    )
    assert record.parameters["vector"] == {"dimension": 4}
    assert record.result["rows"] == 0
