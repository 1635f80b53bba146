"""Another process that runs one job of an import or export: ``python -m tests.support.import_worker DATABASE JOB``.

Prints the state it left the job in and the most memory it had, in MB.
"""

import os
import sys

from tests.support.audit_writer import start
from tests.support.memory import peak_mb


def main(database: str, job: str) -> None:
    start(database)
    from vectorstore.jobs import runner
    from vectorstore.jobs.registry import work
    from vectorstore.transfer.run_export import run_export
    from vectorstore.transfer.run_import import run_import

    work("import")(run_import)
    work("export")(run_export)
    state = runner.run(int(job))
    print(state, peak_mb(os.getpid()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
