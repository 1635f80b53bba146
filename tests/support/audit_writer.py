"""Another process that writes to the audit log: ``python -m tests.support.audit_writer DATABASE WHAT …``.

``threads NUMBER RECORDS``: that many threads append the records one by one.
``intent``: appends an intent, prints its id and waits to be killed.
``reads NUMBER``: gives that many to ``append_soon`` and ends.
``fork``: gives one to ``append_soon`` before it forks and one in the child, and both end.
"""

import os
import sys
import threading
import time
from multiprocessing import get_context

import django
from django.conf import settings
from django.db import connection, connections


def start(database: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings.test"
    django.setup()
    settings.AUDIT_FLUSHER = True
    connections["default"].settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = database


def threads(number: int, records: int) -> None:
    from tests.support.audit import an_entry
    from vectorstore.audit import log

    def work(own: int) -> None:
        for _ in range(own):
            log.append(an_entry())
        connection.close()

    shares = [records // number + (one < records % number) for one in range(number)]
    workers = [threading.Thread(target=work, args=(share,)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def intent() -> None:
    from tests.support.audit import an_entry
    from vectorstore.audit import log

    entry = an_entry(phase="intent", outcome="", result={})
    log.append(entry)
    print(entry.event_id, flush=True)
    time.sleep(60)


def reads(number: int) -> None:
    from tests.support.audit import an_entry
    from vectorstore.audit import log

    for _ in range(number):
        log.append_soon(an_entry(action="vector.search"))


def fork() -> None:
    from tests.support.audit import an_entry
    from vectorstore.audit import log

    log.append_soon(an_entry(action="vector.search", actor="parent"))
    child = get_context("fork").Process(target=_as_child)
    child.start()
    child.join()


def _as_child() -> None:
    from tests.support.audit import an_entry
    from vectorstore.audit import log

    log.append_soon(an_entry(action="vector.search", actor="child"))


if __name__ == "__main__":
    start(sys.argv[1])
    globals()[sys.argv[2]](*map(int, sys.argv[3:]))
