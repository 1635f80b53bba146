"""An empty audit log for each test, with its own file of checkpoints."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection

from tests.support.audit import allow_records, refuse_records
from vectorstore.config.settings import current

Writer = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def outside(tmp_path: Path, bound: pytest.MonkeyPatch) -> Path:
    """The file of checkpoints of this test."""
    path = tmp_path / "outside" / "checkpoints.ndjson"
    bound.setenv("VECTORSTORE_AUDIT_CHECKPOINTS", str(path))
    current.cache_clear()
    return path


@pytest.fixture
def trail(outside: Path, transactional_db: None) -> Path:
    """A log in which transactions really end; gives the file of checkpoints."""
    return outside


@pytest.fixture
def unwritable(trail: Path) -> Iterator[None]:
    """A log to which the database lets nobody add."""
    refuse_records()
    yield
    allow_records()


@pytest.fixture
def writer(trail: Path) -> Iterator[Writer]:
    """Starts ``tests.support.audit_writer`` on the database of this test."""
    with ExitStack() as started:

        def start(*what: object) -> "subprocess.Popen[str]":
            command = [sys.executable, "-m", "tests.support.audit_writer", str(connection.settings_dict["NAME"])]
            process = subprocess.Popen([*command, *map(str, what)], stdout=subprocess.PIPE, text=True)
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start
