import pytest
from celery.signals import worker_process_shutdown

from tests.support.audit import an_entry
from vectorstore.audit import log
from vectorstore.models import AuditRecord


@pytest.mark.django_db
def test_a_process_of_the_worker_that_ends_records_what_waits() -> None:
    import project.celery  # noqa: F401  its receivers

    log.append_soon(an_entry(action="vector.search"))
    worker_process_shutdown.send(sender=None, pid=1, exitcode=0)
    assert AuditRecord.objects.filter(action="vector.search").count() == 1
