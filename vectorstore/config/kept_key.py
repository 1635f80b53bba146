"""The secret key of a machine that was given none."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def kept_key(path: Path) -> str:
    """The key in ``path``, made there once and readable by its owner only.

    Safe when several processes start at once: the first to link its file wins, and all read that one.
    """
    if not path.exists():
        descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        try:
            with open(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(64))
            with suppress(FileExistsError):
                os.link(made, path)
        finally:
            os.unlink(made)
    key = path.read_text().strip()
    if len(key) < 50:
        raise ImproperlyConfigured(f"{path.name} in the data folder is damaged: delete it to get a new key.")
    return key
