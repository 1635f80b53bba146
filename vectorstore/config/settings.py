"""Every setting the product reads from its environment: once, typed, and refused at start if wrong.

The process environment wins over ``.env`` in the project's root. A refusal is ``ImproperlyConfigured``: it
names the variable, says what it should be and never repeats the value, because some values are secrets.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parents[2]

_TRUE = ("true", "on", "yes", "y", "1")
_FALSE = ("false", "off", "no", "n", "0")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

T = TypeVar("T")


def _var(
    variable: str,
    default: T,
    *,
    secret: bool = False,
    between: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
) -> T:
    """A field read from ``variable``; the type of ``default`` says how its text is parsed."""
    metadata = {"variable": variable, "between": between, "choices": choices}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """See ``.env.example`` for what each variable does."""

    milvus_host: str = _var("MILVUS_HOST", "127.0.0.1")
    milvus_port: int = _var("MILVUS_PORT", 19530, between=(1, 65535))
    milvus_user: str = _var("MILVUS_USER", "")
    milvus_password: str = _var("MILVUS_PASSWORD", "", secret=True)
    milvus_collection_shards: int = _var("MILVUS_COLLECTION_SHARDS", 2, between=(1, 16))
    milvus_replica_factor: int = _var("MILVUS_REPLICA_FACTOR", 1, between=(1, 16))
    milvus_tls: bool = _var("MILVUS_TLS", False)
    milvus_ca_pem_path: str = _var("MILVUS_CA_PEM_PATH", "")
    milvus_client_pem_path: str = _var("MILVUS_CLIENT_PEM_PATH", "")
    milvus_client_key_path: str = _var("MILVUS_CLIENT_KEY_PATH", "")
    milvus_server_name: str = _var("MILVUS_SERVER_NAME", "")

    database_url: str = _var("DATABASE_URL", "", secret=True)
    redis_url: str = _var("REDIS_URL", "redis://127.0.0.1:6379/0", secret=True)

    cache_url: str = _var("VECTORSTORE_CACHE_URL", "", secret=True)
    cache_mb: int = _var("VECTORSTORE_CACHE_MB", 128, between=(16, 1_048_576))
    cache_ttl_s: int = _var("VECTORSTORE_CACHE_TTL_S", 60, between=(1, 86_400))
    cache_answer_kb: int = _var("VECTORSTORE_CACHE_ANSWER_KB", 256, between=(1, 65_536))

    host: str = _var("VECTORSTORE_HOST", "127.0.0.1")
    port: int = _var("PORT", 8000, between=(1, 65535))
    tls_certificate: str = _var("VECTORSTORE_TLS_CERTIFICATE", "")
    tls_key: str = _var("VECTORSTORE_TLS_KEY", "")
    http_port: int = _var("VECTORSTORE_HTTP_PORT", 0, between=(0, 65535))
    web_workers: int = _var("VECTORSTORE_WEB_WORKERS", 2, between=(1, 256))
    web_threads: int = _var("VECTORSTORE_WEB_THREADS", 32, between=(1, 1024))
    task_workers: int = _var("VECTORSTORE_TASK_WORKERS", 2, between=(1, 256))

    data_dir: Path = _var("VECTORSTORE_DATA_DIR", Path(".data"))
    demo: bool = _var("VECTORSTORE_DEMO", True)
    default_collection: str = _var("VECTORSTORE_DEFAULT_COLLECTION", "")
    max_body_mb: int = _var("VECTORSTORE_MAX_BODY_MB", 64, between=(1, 4096))
    max_answer_mb: int = _var("VECTORSTORE_MAX_ANSWER_MB", 256, between=(1, 4096))
    max_batch_rows: int = _var("VECTORSTORE_MAX_BATCH_ROWS", 10_000, between=(1, 1_000_000))
    max_upload_bytes: int = _var("VECTORSTORE_MAX_UPLOAD_BYTES", 10 * 1024**3, between=(1, 2**50))
    max_import_rows: int = _var("VECTORSTORE_MAX_IMPORT_ROWS", 100_000_000, between=(1, 2**40))
    max_import_bytes: int = _var("VECTORSTORE_MAX_IMPORT_BYTES", 100 * 1024**3, between=(1, 2**50))
    import_hosts: tuple[str, ...] = _var("VECTORSTORE_IMPORT_HOSTS", ())
    jobs_days: int = _var("VECTORSTORE_JOBS_DAYS", 90, between=(1, 3650))
    export_kept_hours: int = _var("VECTORSTORE_EXPORT_KEPT_HOURS", 24, between=(1, 8760))
    embedding_api_key: str = _var("VECTORSTORE_EMBEDDING_API_KEY", "", secret=True)
    embedding_hosts: tuple[str, ...] = _var("VECTORSTORE_EMBEDDING_HOSTS", ())

    backup_url: str = _var("VECTORSTORE_BACKUP_URL", "", secret=True)
    backup_access_key: str = _var("VECTORSTORE_BACKUP_ACCESS_KEY", "", secret=True)
    backup_secret_key: str = _var("VECTORSTORE_BACKUP_SECRET_KEY", "", secret=True)
    dropped_days: int = _var("VECTORSTORE_DROPPED_DAYS", 7)
    backup_keys: tuple[str, ...] = _var("VECTORSTORE_BACKUP_KEYS", (), secret=True)

    django_settings_module: str = _var("DJANGO_SETTINGS_MODULE", "project.settings.dev")
    admin_password: str = _var("VECTORSTORE_ADMIN_PASSWORD", "", secret=True)
    secret_key: str = _var("VECTORSTORE_SECRET_KEY", "", secret=True)
    encryption_keys: tuple[str, ...] = _var("VECTORSTORE_ENCRYPTION_KEYS", (), secret=True)
    rate_limit: int = _var("VECTORSTORE_RATE_LIMIT", 600_000, between=(1, 1_000_000_000))
    audit_reads: str = _var("AUDIT_READS", "strict", choices=("strict", "best_effort"))
    audit_checkpoints: str = _var("VECTORSTORE_AUDIT_CHECKPOINTS", "")
    allowed_hosts: tuple[str, ...] = _var("VECTORSTORE_ALLOWED_HOSTS", ())
    csrf_trusted_origins: tuple[str, ...] = _var("VECTORSTORE_CSRF_TRUSTED_ORIGINS", ())
    ssl_redirect: bool = _var("VECTORSTORE_SSL_REDIRECT", True)
    behind_tls_proxy: bool = _var("VECTORSTORE_BEHIND_TLS_PROXY", False)
    hsts_seconds: int = _var("VECTORSTORE_HSTS_SECONDS", 31_536_000, between=(0, 63_072_000))
    metrics_token: str = _var("VECTORSTORE_METRICS_TOKEN", "", secret=True)
    debug: bool = _var("VECTORSTORE_DEBUG", False)
    log_level: str = _var("LOG_LEVEL", "INFO", choices=_LEVELS)
    log_format: str = _var("VECTORSTORE_LOG_FORMAT", "plain", choices=("plain", "json"))
    profile_share: float = _var("VECTORSTORE_PROFILE_SHARE", 0.01, between=(0, 1))
    slow_ms: int = _var("VECTORSTORE_SLOW_MS", 250, between=(1, 3_600_000))
    profile_days: int = _var("VECTORSTORE_PROFILE_DAYS", 7, between=(1, 3650))
    profile_rows: int = _var("VECTORSTORE_PROFILE_ROWS", 100_000, between=(1, 100_000_000))
    performance_log: bool = _var("VECTORSTORE_PERFORMANCE_LOG", True)
    performance_log_mb: int = _var("VECTORSTORE_PERFORMANCE_LOG_MB", 64, between=(1, 65_536))

    @property
    def max_body_bytes(self) -> int:
        return self.max_body_mb * 1024 * 1024


def variables() -> dict[str, str]:
    """The environment variable of each field, by field name."""
    return {item.name: item.metadata["variable"] for item in fields(Settings)}


def load(environment: Mapping[str, str]) -> Settings:
    """Parse an environment; a variable that is missing or empty has its default.

    Raises:
        ImproperlyConfigured: a value is wrong; the message names the variable.
    """
    values: dict[str, Any] = {}
    for item in fields(Settings):
        text = environment.get(item.metadata["variable"], "").strip()
        values[item.name] = _parse(text, item.default, **item.metadata) if text else item.default
    settings = Settings(**{**values, "data_dir": BASE_DIR / values["data_dir"].expanduser()})
    _check_tls(settings)
    _check_keys(settings)
    _check_urls(settings)
    _check_backup(settings)
    return settings


@cache
def current() -> Settings:
    """The settings of this process, read at the first call."""
    environ.Env.read_env(BASE_DIR / ".env")
    return load(os.environ)


def _parse(
    text: str, default: Any, *, variable: str, between: tuple[float, float] | None, choices: tuple[str, ...]
) -> Any:
    # environ's own parsing takes any unknown word for False, and its errors lack the variable's name.
    if isinstance(default, bool):
        if text.lower() not in _TRUE + _FALSE:
            raise ImproperlyConfigured(f"{variable} should be true or false.")
        return text.lower() in _TRUE
    if isinstance(default, int | float):
        low, high = between or (0, 2**63 - 1)
        try:
            number = type(default)(text)
        except ValueError:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise ImproperlyConfigured(f"{variable} should be {kind}.") from None
        if not low <= number <= high:
            raise ImproperlyConfigured(f"{variable} should be between {low} and {high}.")
        return number
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, Path):
        return Path(text)
    if choices:
        matching = [choice for choice in choices if choice.lower() == text.lower()]
        if not matching:
            raise ImproperlyConfigured(f"{variable} should be one of {', '.join(choices)}.")
        return matching[0]
    return text


def _check_tls(settings: Settings) -> None:
    files = ("milvus_ca_pem_path", "milvus_client_pem_path", "milvus_client_key_path")
    names = variables()
    for name in files:
        path = getattr(settings, name)
        if path and not settings.milvus_tls:
            raise ImproperlyConfigured(f"{names[name]} has no effect without TLS: set MILVUS_TLS=true.")
        if path and not os.access(path, os.R_OK):
            raise ImproperlyConfigured(f"{names[name]} should be the path of a readable PEM file.")
    if settings.milvus_client_pem_path and not (settings.milvus_client_key_path and settings.milvus_ca_pem_path):
        raise ImproperlyConfigured(
            "MILVUS_CLIENT_PEM_PATH should come with MILVUS_CLIENT_KEY_PATH and MILVUS_CA_PEM_PATH."
        )
    if settings.milvus_client_key_path and not settings.milvus_client_pem_path:
        raise ImproperlyConfigured("MILVUS_CLIENT_KEY_PATH should come with MILVUS_CLIENT_PEM_PATH.")
    if settings.milvus_password and not settings.milvus_user:
        raise ImproperlyConfigured("MILVUS_PASSWORD should come with MILVUS_USER.")


def _check_keys(settings: Settings) -> None:
    if any(len(key) < 32 for key in settings.encryption_keys):
        raise ImproperlyConfigured("VECTORSTORE_ENCRYPTION_KEYS should be keys of at least 32 random characters.")
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise ImproperlyConfigured("VECTORSTORE_TLS_CERTIFICATE and VECTORSTORE_TLS_KEY should come together.")
    names = variables()
    for name in ("tls_certificate", "tls_key"):
        if getattr(settings, name) and not os.access(getattr(settings, name), os.R_OK):
            raise ImproperlyConfigured(f"{names[name]} should be the path of a readable PEM file.")
    if settings.http_port and not settings.tls_certificate:
        raise ImproperlyConfigured("VECTORSTORE_HTTP_PORT has no effect without VECTORSTORE_TLS_CERTIFICATE.")


def _check_urls(settings: Settings) -> None:
    if settings.database_url and not settings.database_url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(
            "DATABASE_URL should be postgresql://user:password@host:5432/name, or empty for SQLite."
        )
    if not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured("REDIS_URL should be redis://[:password@]host:6379/0 (rediss:// for TLS).")
    if settings.cache_url and not settings.cache_url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(
            "VECTORSTORE_CACHE_URL should be redis://[:password@]host:6379/0 (rediss:// for TLS)."
        )
    if settings.cache_url == settings.redis_url:
        raise ImproperlyConfigured(
            "VECTORSTORE_CACHE_URL should be another Redis than REDIS_URL, whose content must never be evicted."
        )
    for origin in settings.csrf_trusted_origins:
        if not origin.startswith(("http://", "https://")):
            raise ImproperlyConfigured(
                "VECTORSTORE_CSRF_TRUSTED_ORIGINS should be origins such as https://vectors.example.org."
            )


def _check_backup(settings: Settings) -> None:
    url = settings.backup_url
    if url and not url.startswith(("file:///", "s3://")):
        raise ImproperlyConfigured(
            "VECTORSTORE_BACKUP_URL should be file:///folder or s3://bucket/prefix?endpoint_url=…&region=…"
        )
    if "@" in url.removeprefix("s3://").split("/")[0]:
        raise ImproperlyConfigured(
            "VECTORSTORE_BACKUP_URL should hold no credentials: they are VECTORSTORE_BACKUP_ACCESS_KEY and"
            " VECTORSTORE_BACKUP_SECRET_KEY."
        )
    if bool(settings.backup_access_key) != bool(settings.backup_secret_key):
        raise ImproperlyConfigured(
            "VECTORSTORE_BACKUP_ACCESS_KEY and VECTORSTORE_BACKUP_SECRET_KEY should come together."
        )
    if any(len(key) < 32 for key in settings.backup_keys):
        raise ImproperlyConfigured("VECTORSTORE_BACKUP_KEYS should be keys of at least 32 random characters.")
