"""Rights that change are forgotten at once: here, and by every other process.

By Django's signals, because groups and accounts are also changed by Django's own admin.
"""

from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save

from vectorstore.access import rights, verified
from vectorstore.models import Grant, ServiceAccount, UserAttributes
from vectorstore.optimization.shared_state import shared_state

_MODELS = (Grant, Group, ServiceAccount, User, UserAttributes)


def connect() -> None:
    """Called once, when Django's models are ready."""
    for model in _MODELS:
        post_save.connect(_changed, sender=model, dispatch_uid="rights-saved")
        post_delete.connect(_changed, sender=model, dispatch_uid="rights-deleted")
    m2m_changed.connect(_changed, sender=User.groups.through, dispatch_uid="rights-groups")


def _changed(update_fields: Any = None, **_signal: Any) -> None:
    if update_fields is not None and set(update_fields) == {"last_login"}:
        return
    rights.forget()
    verified.forget()
    transaction.on_commit(_tell)


def _tell() -> None:
    rights.forget()  # what was looked up since, before the change was committed
    shared_state().access_changed()
