"""A scheduler in another process: ``python -m tests.support.scheduling_worker DATABASE MOMENT FILE``.

It says ``ready``, waits for a line, starts what is due at the moment and prints how many; each is a line of the file.
"""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.audit_writer import start


def main(moment: str, file: str) -> None:
    from vectorstore.backup.scheduler import run_due

    def begin(policy: Any) -> None:
        with Path(file).open("a") as lines:
            lines.write(f"{policy.name}\n")

    print("ready", flush=True)
    sys.stdin.readline()
    print(run_due(datetime.fromisoformat(moment), begin), flush=True)


if __name__ == "__main__":
    start(sys.argv[1])
    main(*sys.argv[2:])
