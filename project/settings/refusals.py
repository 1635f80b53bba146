"""What production refuses to start with."""

from collections.abc import Mapping
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from vectorstore.config.settings import Settings

_MIN_KEY = 50
_MIN_KEY_LETTERS = 10


def refuse_unsafe(env: Settings, *, debug: bool, databases: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the settings as they will be used.

    Raises:
        ImproperlyConfigured: names every variable that is missing or unsafe, never its value.
    """
    wrong = [
        *_secret_key(env),
        *_encryption_keys(env),
        *_hosts(env),
        *_database_passwords(env, databases),
    ]
    if debug:
        wrong.append("VECTORSTORE_DEBUG should be false in production: error pages would show the settings.")
    if wrong:
        raise ImproperlyConfigured("Production settings refused. " + " ".join(wrong))


def _secret_key(env: Settings) -> list[str]:
    if not env.secret_key:
        return ["VECTORSTORE_SECRET_KEY is missing: it should be at least 50 random characters."]
    if len(env.secret_key) < _MIN_KEY or len(set(env.secret_key)) < _MIN_KEY_LETTERS:
        return ["VECTORSTORE_SECRET_KEY should be at least 50 random characters."]
    return []


def _encryption_keys(env: Settings) -> list[str]:
    if not env.encryption_keys:
        return ["VECTORSTORE_ENCRYPTION_KEYS is missing: it should be a key of at least 32 random characters."]
    return []


def _hosts(env: Settings) -> list[str]:
    if not env.allowed_hosts:
        return ["VECTORSTORE_ALLOWED_HOSTS is missing: it should list the names clients use, by commas."]
    if any("*" in host or host.startswith(".") for host in env.allowed_hosts):
        return ["VECTORSTORE_ALLOWED_HOSTS should list names without wildcards."]
    return []


def _database_passwords(env: Settings, databases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    given = environ.Env.db_url_config(env.database_url).get("PASSWORD") if env.database_url else None
    return [
        f"The password of the database {name!r} is written in the code: it should come with DATABASE_URL."
        for name, database in databases.items()
        if database.get("PASSWORD") and database["PASSWORD"] != given
    ]
