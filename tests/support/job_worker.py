"""Another process that runs jobs: ``python -m tests.support.job_worker DATABASE WHAT …``.

``run JOB``: that job alone, in this process; prints the state it left it in.
``worker BROKER``: a Celery worker with one process, that takes jobs from that broker.
"""

import sys

from django.conf import settings

from tests.support.audit_writer import start


def run(job: str) -> None:
    from vectorstore.jobs import runner

    print(runner.run(int(job)), flush=True)


def worker(broker: str) -> None:
    from project.celery import app

    settings.CELERY_BROKER_URL = broker
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO")
    app.worker_main(["worker", "--concurrency", "1", "-Q", "jobs", *quiet])


if __name__ == "__main__":
    start(sys.argv[1])
    import tests.support.job_kinds  # noqa: F401  they declare themselves

    globals()[sys.argv[2]](*sys.argv[3:])
