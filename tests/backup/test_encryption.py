"""Encrypted files: streams, wrong keys, and every way to alter one."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backup.made import KEYS, OTHER_KEYS
from vectorstore.backup.encryption import CHUNK, EncryptedSink, Keyring, decrypted, keyring, make_key
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.config.settings import load
from vectorstore.domain.errors import BackupDamaged, BackupKeyMissing

_HEADER = 32
_FRAME = CHUNK + 16


def _encrypted(local: LocalStorage, data: bytes, name: str = "file") -> bytes:
    assert KEYS.first is not None
    with EncryptedSink(local.create(name), KEYS.first) as sink:
        for start in range(0, len(data), 700_001):
            sink.write(data[start : start + 700_001])
        stored = sink.commit()
    found = local.read_bytes(name)
    assert stored.size == len(found)
    return found


def _open(data: bytes, keys: Keyring = KEYS) -> bytes:
    return b"".join(decrypted(io.BytesIO(data), keys, "sets/a/file"))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
def test_a_file_comes_back_whatever_its_length(local: LocalStorage, size: int) -> None:
    data = bytes(index % 251 for index in range(1000)) * (size // 1000 + 1)
    stored = _encrypted(local, data[:size])
    assert _open(stored) == data[:size]
    assert len(stored) == _HEADER + size + 16 * max(1, -(-size // CHUNK))


def test_the_same_data_never_looks_the_same(local: LocalStorage) -> None:
    one, other = _encrypted(local, b"x" * 100, "one"), _encrypted(local, b"x" * 100, "other")
    assert one[16:] != other[16:]
    assert one[_HEADER:] != other[_HEADER:]


def test_a_missing_key_is_named_with_its_setting(local: LocalStorage) -> None:
    stored = _encrypted(local, b"secret")
    assert KEYS.first is not None
    for wrong in (OTHER_KEYS, Keyring()):
        with pytest.raises(BackupKeyMissing, match=f"{KEYS.first.id}.*VECTORSTORE_BACKUP_KEYS"):
            _open(stored, wrong)


def test_the_first_key_encrypts_and_all_decrypt(local: LocalStorage) -> None:
    stored = _encrypted(local, b"secret")
    assert _open(stored, Keyring((*OTHER_KEYS.keys, *KEYS.keys))) == b"secret"
    texts = "b" * 40, "a" * 40
    found = keyring(load({"VECTORSTORE_BACKUP_KEYS": ",".join(texts)}))
    assert found.first == make_key(texts[0])
    assert found.find(make_key(texts[1]).id) == make_key(texts[1])
    assert keyring(load({})).first is None


def test_a_key_shows_nothing_of_itself() -> None:
    key = make_key("hunter2" * 6)
    assert "hunter2" not in repr(key)
    assert key.secret.hex() not in repr(key)
    assert key.id not in key.secret.hex()


def _flip(place: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    "alter",
    [
        _flip(20),
        _flip(_HEADER),
        _flip(_HEADER + _FRAME + 5),
        _flip(-1 % (_HEADER + 2 * _FRAME + 100 + 16)),
        lambda data: data[:-1],
        lambda data: data[: _HEADER + 2 * _FRAME],
        lambda data: data[: _HEADER + _FRAME],
        lambda data: data[:_HEADER],
        lambda data: data[:10],
        lambda data: b"",
        lambda data: data + b"x",
        lambda data: data[:_HEADER] + data[_HEADER + _FRAME : _HEADER + 2 * _FRAME] + data[_HEADER + _FRAME :],
        lambda data: data[:_HEADER] + data[_HEADER + _FRAME :],
        lambda data: b"PAR1" + data[4:],
    ],
)
def test_whatever_is_altered_is_found_and_the_file_named(local: LocalStorage, alter: Callable[[bytes], bytes]) -> None:
    stored = _encrypted(local, b"y" * (2 * CHUNK + 100))
    assert _open(stored) == b"y" * (2 * CHUNK + 100)
    with pytest.raises(BackupDamaged, match="sets/a/file"):
        _open(alter(stored))


def test_an_abandoned_file_is_not_there(local: LocalStorage, tmp_path: Path) -> None:
    assert KEYS.first is not None
    with EncryptedSink(local.create("file"), KEYS.first) as sink:
        sink.write(b"x" * (2 * CHUNK))
    assert not local.exists("file")
