"""The secret key of a machine that was given none."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def kept_key(path: Path) -> str:
    """The key in ``path``, made there once and readable by its owner only.

    Safe when several processes start at once: the first to link its file wins, and all read that one.
    """
    if not path.exists():
        made = path.with_name(f"{path.name}.{os.getpid()}")
        made.write_text("")
        made.chmod(0o600)
        made.write_text(secrets.token_urlsafe(64))
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    key = path.read_text().strip()
    if len(key) < 50:
        raise ImproperlyConfigured(f"{path.name} in the data folder is damaged: delete it to get a new key.")
    return key
