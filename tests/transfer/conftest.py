"""The data folder of each test, and collections made through the services."""

from pathlib import Path

import pytest

from tests.service.conftest import empty, make
from vectorstore.config.settings import current

__all__ = ["empty", "make"]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, bound: pytest.MonkeyPatch) -> Path:
    """Files of transfers go to a folder of the test's own."""
    (tmp_path / "data").mkdir()
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path / "data"))
    current.cache_clear()
    return tmp_path / "data"
