import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from project.settings.refusals import refuse_unsafe
from vectorstore.config.settings import BASE_DIR, load

KEY = "k3y-of-the-tests-0123456789-abcdefghijklmnopqrstuvwxyz"
SAFE = {
    "VECTORSTORE_SECRET_KEY": KEY,
    "VECTORSTORE_ALLOWED_HOSTS": "vectors.example.org",
    "VECTORSTORE_ENCRYPTION_KEYS": KEY[::-1],
    "DATABASE_URL": "postgresql://u:p%40ss@db/x",
}
DATABASES: dict[str, dict[str, Any]] = {"default": {"PASSWORD": "p@ss"}}


def test_a_safe_configuration_is_accepted() -> None:
    refuse_unsafe(load(SAFE), debug=False, databases=DATABASES)


@pytest.mark.parametrize(
    ("changes", "debug", "named"),
    [
        ({"VECTORSTORE_SECRET_KEY": ""}, False, "VECTORSTORE_SECRET_KEY is missing"),
        ({"VECTORSTORE_SECRET_KEY": "short"}, False, "VECTORSTORE_SECRET_KEY should be"),
        ({"VECTORSTORE_SECRET_KEY": "a" * 64}, False, "VECTORSTORE_SECRET_KEY should be"),
        ({"VECTORSTORE_ENCRYPTION_KEYS": ""}, False, "VECTORSTORE_ENCRYPTION_KEYS is missing"),
        ({"VECTORSTORE_ALLOWED_HOSTS": ""}, False, "VECTORSTORE_ALLOWED_HOSTS is missing"),
        ({"VECTORSTORE_ALLOWED_HOSTS": "a.example.org,*"}, False, "without wildcards"),
        ({"VECTORSTORE_ALLOWED_HOSTS": ".example.org"}, False, "without wildcards"),
        ({"DATABASE_URL": ""}, False, "database 'default' is written in the code"),
        ({"DATABASE_URL": "postgresql://u:other@db/x"}, False, "database 'default' is written in the code"),
        ({}, True, "VECTORSTORE_DEBUG"),
    ],
)
def test_an_unsafe_configuration_is_refused_by_name(changes: dict[str, str], debug: bool, named: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        refuse_unsafe(load({**SAFE, **changes}), debug=debug, databases=DATABASES)
    assert named in str(refusal.value)
    assert "p@ss" not in str(refusal.value)


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        refuse_unsafe(load({}), debug=True, databases=DATABASES)
    named = ("SECRET_KEY", "ENCRYPTION_KEYS", "ALLOWED_HOSTS", "DEBUG")
    for name in (*(f"VECTORSTORE_{item}" for item in named), "'default'"):
        assert name in str(refusal.value)


def _start_production(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {"DJANGO_SETTINGS_MODULE": "project.settings.prod", "VECTORSTORE_DATA_DIR": str(folder), **changes}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VECTORSTORE", "DATABASE"))}
    command = [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"]
    return subprocess.run(command, cwd=BASE_DIR, env=kept | environment, capture_output=True, text=True, check=False)


def test_production_does_not_start_without_a_secret_key(tmp_path: Path) -> None:
    started = _start_production(tmp_path, VECTORSTORE_ALLOWED_HOSTS="vectors.example.org")
    assert started.returncode != 0
    assert "VECTORSTORE_SECRET_KEY is missing" in started.stderr


def test_production_starts_with_what_it_needs(tmp_path: Path) -> None:
    needed = {name: value for name, value in SAFE.items() if name != "DATABASE_URL"}
    started = _start_production(tmp_path, **needed)
    assert started.returncode == 0, started.stderr
