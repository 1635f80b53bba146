from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from vectorstore.config.encryption import decrypt, encrypt, rotate
from vectorstore.config.settings import current

OLD, NEW = "old key " * 5, "new key " * 5


def use(patch: pytest.MonkeyPatch, *keys: str) -> None:
    patch.setenv("VECTORSTORE_ENCRYPTION_KEYS", ",".join(keys))
    current.cache_clear()


def test_a_secret_comes_back_and_is_not_seen_in_its_ciphertext(bound: pytest.MonkeyPatch) -> None:
    use(bound, OLD)
    kept = encrypt("hunter2")
    assert "hunter2" not in kept
    assert decrypt(kept) == "hunter2"
    assert encrypt("hunter2") != kept


def test_no_secret_is_kept_as_nothing() -> None:
    assert encrypt("") == ""
    assert decrypt("") == ""


def test_an_old_secret_is_read_under_a_new_key_until_the_old_key_goes(bound: pytest.MonkeyPatch) -> None:
    use(bound, OLD)
    kept = encrypt("hunter2")
    use(bound, NEW, OLD)
    assert decrypt(kept) == "hunter2"
    rotated = rotate(kept)
    use(bound, NEW)
    assert decrypt(rotated) == "hunter2"
    with pytest.raises(ImproperlyConfigured, match="VECTORSTORE_ENCRYPTION_KEYS"):
        decrypt(kept)


def test_a_machine_without_a_key_makes_one_and_keeps_it(bound: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path))
    current.cache_clear()
    kept = encrypt("hunter2")
    assert (tmp_path / "encryption_key").stat().st_mode & 0o077 == 0
    assert decrypt(kept) == "hunter2"
