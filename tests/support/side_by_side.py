"""Runs commands at the same time: ``python -m tests.support.side_by_side NAME=COMMAND…``.

Each line that one prints is shown as it comes, after its name. Ends when all have ended, with the first status that is
not 0.
"""

import shlex
import subprocess
import sys
import threading
from typing import IO


def show(name: str, lines: IO[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{name} | {line}")
        sys.stdout.flush()


def main(commands: list[str]) -> int:
    running = []
    for item in commands:
        name, _, command = item.partition("=")
        process = subprocess.Popen(
            shlex.split(command), text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        reader = threading.Thread(target=show, args=(name, process.stdout))
        reader.start()
        running.append((name, process, reader))
    failed = 0
    for name, process, reader in running:
        reader.join()
        if process.wait():
            print(f"{name} failed with status {process.returncode}", flush=True)
            failed = failed or 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
