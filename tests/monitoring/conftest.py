"""Profiles: none waits from an earlier test, and the log is the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vectorstore.config.settings import current
from vectorstore.monitoring import performance_logger, profile_writer


@pytest.fixture
def profiles(transactional_db: None, tmp_path: Path, bound: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets variables of profiles; what is kept of them goes to a log of the test's own."""
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path))
    current.cache_clear()
    profile_writer.discard()

    def set_(**variables: object) -> None:
        for name, value in variables.items():
            bound.setenv(f"VECTORSTORE_{name.upper()}", str(value))
        current.cache_clear()

    yield set_
    profile_writer.discard()
    performance_logger.close()
