"""The storage that the settings name."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from vectorstore.backup.storage import Storage
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.backup.storage_s3 import S3Storage
from vectorstore.config.settings import Settings, current

_OPTIONS = ("endpoint_url", "region")


def from_settings(settings: Settings | None = None) -> Storage:
    """To be closed after use.

    Raises:
        ImproperlyConfigured: VECTORSTORE_BACKUP_URL names none.
        StorageFailed: it cannot be opened.
    """
    settings = settings or current()
    if not settings.backup_url:
        return LocalStorage(settings.data_dir / "backups")
    url = urlsplit(settings.backup_url)
    if url.scheme == "file":
        return LocalStorage(Path(unquote(url.path)))
    options = dict(parse_qsl(url.query))
    if not url.netloc or set(options) - set(_OPTIONS):
        raise ImproperlyConfigured(
            f"VECTORSTORE_BACKUP_URL should be s3://bucket/prefix with no options but {' and '.join(_OPTIONS)}."
        )
    return S3Storage(
        url.netloc,
        unquote(url.path),
        endpoint_url=options.get("endpoint_url"),
        region=options.get("region"),
        access_key=settings.backup_access_key,
        secret_key=settings.backup_secret_key,
    )
