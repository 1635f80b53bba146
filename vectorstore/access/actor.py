"""``Actor``: who asks, and what they may do.

Rights are Django's model permissions: each action of the product maps to one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from vectorstore.domain.errors import PermissionDenied

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

_VIEW = "vectorstore.view_collectionrecord"
_ADD = "vectorstore.add_collectionrecord"
_CHANGE = "vectorstore.change_collectionrecord"
_DELETE = "vectorstore.delete_collectionrecord"
_READ_ROWS = "vectorstore.read_rows"
_WRITE_ROWS = "vectorstore.write_rows"
_LOAD = "vectorstore.load_collection"
_DATABASES = "vectorstore.manage_databases"

ACTIONS: dict[str, str] = {
    "collection.view": _VIEW,
    "collection.create": _ADD,
    "collection.alter": _CHANGE,
    "collection.drop": _DELETE,
    "collection.load": _LOAD,
    "index.view": _VIEW,
    "index.create": _CHANGE,
    "index.drop": _CHANGE,
    "partition.view": _VIEW,
    "partition.create": _CHANGE,
    "partition.drop": _CHANGE,
    "alias.view": _VIEW,
    "alias.manage": _CHANGE,
    "database.view": _VIEW,
    "database.create": _DATABASES,
    "database.drop": _DATABASES,
    "vector.search": _READ_ROWS,
    "vector.query": _READ_ROWS,
    "vector.insert": _WRITE_ROWS,
    "vector.upsert": _WRITE_ROWS,
    "vector.delete": _WRITE_ROWS,
    "vector.delete_by_filter": _WRITE_ROWS,
}
"""Every action and the Django permission that allows it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """``user_id`` is None for the system itself, which may do everything."""

    name: str
    user_id: int | None = None
    superuser: bool = False
    permissions: frozenset[str] = frozenset()

    @classmethod
    def of(cls, user: Union["User", "AnonymousUser"]) -> "Actor":
        """The actor of a Django user, with the permissions of now."""
        if not user.is_authenticated or not user.is_active:
            return cls(name="anonymous")
        permissions = frozenset() if user.is_superuser else frozenset(user.get_all_permissions())
        return cls(user.get_username(), user.pk, user.is_superuser, permissions)

    def allows(self, action: str) -> bool:
        """Whether the actor may do ``action``; an action that does not exist is allowed to nobody."""
        permission = ACTIONS.get(action)
        return permission is not None and (self.superuser or permission in self.permissions)

    def require(self, action: str) -> None:
        """Raises PermissionDenied unless ``allows(action)``."""
        if not self.allows(action):
            raise PermissionDenied(f"{self.name} may not do {action}; ask for the permission {ACTIONS.get(action)}.")


SYSTEM = Actor(name="system", superuser=True)
