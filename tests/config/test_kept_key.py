import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from vectorstore.config.kept_key import kept_key


def test_the_key_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    key = kept_key(path)
    assert len(key) >= 50
    assert kept_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(kept_key, [tmp_path / "secret_key"] * 32))
    assert len(set(keys)) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "secret_key"]


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("x")
    with pytest.raises(ImproperlyConfigured, match="damaged"):
        kept_key(tmp_path / "secret_key")
