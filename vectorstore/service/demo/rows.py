"""The rows of the demo collection, harvested in a child process."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson

from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.requests import Row

_PROGRAM = Path(__file__).with_name("harvest.py")
_LONGEST = 120.0
_NEEDED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # where a Python with a shared library finds it


def harvest() -> list[Row]:
    """Every documented object of the standard library once, ordered by id, the same at each call.

    Rows have ``id``, ``name``, ``module``, ``kind``, ``signature`` and ``text``, and no vector.

    Raises:
        VectorStoreError: the child process failed.
    """
    # An empty environment: modules keep parts of it, in defaults and texts, and it holds passwords.
    environment = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    # No site-packages and no current folder, so that "import this" is what the standard library says it is;
    # a fixed hash seed, so that sets in signatures are always printed in one order.
    command = [sys.executable, "-P", "-s", "-S", "-W", "ignore", "-X", "utf8", str(_PROGRAM)]
    with tempfile.TemporaryDirectory(prefix="vectorstore-harvest-") as folder:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment | {"PYTHONHASHSEED": "0"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_LONGEST,
                start_new_session=True,
                check=True,
            )
            *rows, end = (orjson.loads(line) for line in done.stdout.splitlines() or [b"{}"])
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise VectorStoreError("The documentation of the standard library could not be read.") from error
    if end != {"rows": len(rows)}:
        raise VectorStoreError("The documentation of the standard library was read only in part.")
    return rows
