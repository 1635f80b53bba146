"""A data folder of the test's own."""

from pathlib import Path

import pytest

from vectorstore.config.settings import current


@pytest.fixture
def data_dir(bound: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path))
    current.cache_clear()
    return tmp_path
