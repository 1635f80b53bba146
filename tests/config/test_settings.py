import re
from dataclasses import asdict
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from vectorstore.config.settings import BASE_DIR, Settings, current, load, variables


def test_an_empty_environment_has_the_documented_defaults() -> None:
    settings = load({})
    assert (settings.milvus_host, settings.milvus_port) == ("127.0.0.1", 19530)
    assert (settings.milvus_collection_shards, settings.milvus_replica_factor) == (2, 1)
    assert settings.data_dir == BASE_DIR / ".data"
    assert settings.max_body_bytes == 64 * 1024 * 1024


def test_values_are_typed(tmp_path: Path) -> None:
    settings = load(
        {
            "MILVUS_PORT": " 19531 ",
            "MILVUS_TLS": "Yes",
            "VECTORSTORE_DEMO": "0",
            "VECTORSTORE_ALLOWED_HOSTS": "a.example.org, b.example.org,",
            "VECTORSTORE_DATA_DIR": str(tmp_path),
            "LOG_LEVEL": "debug",
            "MILVUS_USER": "root",
            "MILVUS_PASSWORD": "$not=a:reference",
        }
    )
    assert settings.milvus_port == 19531
    assert settings.milvus_tls is True
    assert settings.demo is False
    assert settings.allowed_hosts == ("a.example.org", "b.example.org")
    assert settings.data_dir == tmp_path
    assert settings.log_level == "DEBUG"
    assert settings.milvus_password == "$not=a:reference"


@pytest.mark.parametrize("name", sorted(variables().values()))
def test_an_empty_variable_is_as_good_as_none(name: str) -> None:
    assert asdict(load({name: ""})) == asdict(load({}))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MILVUS_PORT", "many", "whole number"),
        ("MILVUS_PORT", "0", "between 1 and 65535"),
        ("PORT", "65536", "between 1 and 65535"),
        ("MILVUS_TLS", "perhaps", "true or false"),
        ("LOG_LEVEL", "loud", "one of DEBUG, INFO"),
        ("MILVUS_PASSWORD", "hunter2", "come with MILVUS_USER"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x", "postgresql://"),
        ("REDIS_URL", "http://:hunter2@redis", "redis://"),
        ("VECTORSTORE_CACHE_URL", "http://:hunter2@redis", "redis://"),
        ("VECTORSTORE_CACHE_URL", "redis://127.0.0.1:6379/0", "another Redis than REDIS_URL"),
        ("VECTORSTORE_CSRF_TRUSTED_ORIGINS", "vectors.example.org", "https://"),
        ("VECTORSTORE_BACKUP_URL", "ftp://hunter2", "file:///folder"),
        ("VECTORSTORE_BACKUP_URL", "s3://me:hunter2@bucket/x", "no credentials"),
        ("VECTORSTORE_BACKUP_SECRET_KEY", "hunter2", "come together"),
        ("VECTORSTORE_BACKUP_KEYS", "hunter2", "at least 32"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_never_repeated(name: str, value: str, says: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        load({name: value})
    assert name in str(refusal.value)
    assert says in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def _pem(folder: Path, name: str) -> str:
    (folder / name).write_text("")
    return str(folder / name)


def test_tls_files_without_tls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="MILVUS_CA_PEM_PATH has no effect"):
        load({"MILVUS_CA_PEM_PATH": _pem(tmp_path, "ca.pem")})


def test_an_unreadable_tls_file_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="MILVUS_CA_PEM_PATH should be the path"):
        load({"MILVUS_TLS": "true", "MILVUS_CA_PEM_PATH": "/nowhere/ca.pem"})


def test_mutual_tls_needs_all_three_files(tmp_path: Path) -> None:
    tls = {"MILVUS_TLS": "true", "MILVUS_CA_PEM_PATH": _pem(tmp_path, "ca.pem")}
    certificate, key = _pem(tmp_path, "client.pem"), _pem(tmp_path, "client.key")
    with pytest.raises(ImproperlyConfigured, match="MILVUS_CLIENT_PEM_PATH should come with"):
        load({**tls, "MILVUS_CLIENT_PEM_PATH": certificate})
    with pytest.raises(ImproperlyConfigured, match="MILVUS_CLIENT_KEY_PATH should come with"):
        load({**tls, "MILVUS_CLIENT_KEY_PATH": key})
    both = {"MILVUS_CLIENT_PEM_PATH": certificate, "MILVUS_CLIENT_KEY_PATH": key}
    with pytest.raises(ImproperlyConfigured, match="MILVUS_CA_PEM_PATH"):
        load({"MILVUS_TLS": "true", **both})
    assert load({**tls, **both}).milvus_client_key_path == key


def test_no_secret_is_shown_by_repr() -> None:
    urls = {
        "REDIS_URL": "redis://hunter2",
        "VECTORSTORE_CACHE_URL": "redis://hunter2-too",
        "DATABASE_URL": "postgresql://hunter2",
        "VECTORSTORE_BACKUP_URL": "s3://hunter2/x",
    }
    environment = {
        name: urls.get(name, "hunter2" * 5)
        for name in variables().values()
        if re.search("PASSWORD|(SECRET|API|ACCESS)_KEY$|KEYS$|TOKEN|_URL$", name)
    }
    assert len(environment) >= 8
    assert "hunter2" not in repr(load({**environment, "MILVUS_USER": "root"}))


def _documented() -> dict[str, str]:
    lines = (BASE_DIR / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_example_lists_every_variable_and_no_other() -> None:
    assert sorted(_documented()) == sorted(variables().values())


def test_the_example_shows_the_defaults() -> None:
    assert asdict(load(_documented())) == asdict(load({}))


def test_every_variable_of_the_example_is_explained() -> None:
    explained = False
    for line in (BASE_DIR / ".env.example").read_text().splitlines():
        if not line:
            explained = False
        elif line.startswith("#"):
            explained = True
        else:
            assert explained, line


def test_the_process_environment_is_read_once(bound: pytest.MonkeyPatch) -> None:
    bound.setenv("MILVUS_PORT", "4711")
    current.cache_clear()
    assert current().milvus_port == 4711
    bound.setenv("MILVUS_PORT", "4712")
    assert current().milvus_port == 4711


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]
