"""Runs a command in a network of its own: ``python -m tests.support.netns COMMAND…``.

There is nothing in that network but its loopback, so a server with fixed ports does not meet the one of another
test run, and nothing that a test sends can leave the machine. It is made by ``unshare`` of util-linux and ``ip`` of
iproute2; where they are missing or not allowed, the command is not run and a line says so.
"""

import os
import shutil
import subprocess
import sys

_UP = 'ip link set lo up && exec "$@"'


def wrapper() -> list[str]:
    """What to put before a command. An ordinary user becomes root for a moment, inside a namespace of users."""
    if os.getuid() == 0:
        return ["unshare", "--net", "sh", "-c", _UP, "sh"]
    again = ["unshare", f"--map-user={os.getuid()}", f"--map-group={os.getgid()}"]
    return ["unshare", "--map-root-user", "--net", "sh", "-c", _UP, "sh", *again]


def obstacle() -> str:
    """Why no such network can be made here; empty if it can."""
    for program, package in (("unshare", "util-linux"), ("ip", "iproute2")):
        if shutil.which(program) is None:
            return f"{program} ({package}) is not installed"
    tried = subprocess.run([*wrapper(), "true"], check=False, capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode else ""


def main(command: list[str]) -> int:
    if reason := obstacle():
        print(f"No network of its own for {' '.join(command[-1:])}, so it is skipped: {reason}", file=sys.stderr)
        return 0
    return subprocess.run([*wrapper(), *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
