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
_HIDDEN = ("DISPLAY", "WAYLAND_DISPLAY")  # modules that find a display may open a window


def harvest() -> list[Row]:
    """Every documented object of the standard library once, ordered by id, the same at each call.

    Rows have ``id``, ``name``, ``module``, ``kind``, ``signature`` and ``text``, and no vector.

    Raises:
        VectorStoreError: the child process failed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = {name: value for name, value in environment.items() if name not in _HIDDEN}
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
        except (OSError, subprocess.SubprocessError) as error:
            raise VectorStoreError("The documentation of the standard library could not be read.") from error
    *rows, end = (orjson.loads(line) for line in done.stdout.splitlines() or [b"{}"])
    if end != {"rows": len(rows)}:
        raise VectorStoreError("The documentation of the standard library was read only in part.")
    return rows
