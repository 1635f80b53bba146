"""``Actor``: who asks, and how they proved it. What they may do is looked up, never carried (``access.rights``)."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

USER, SERVICE_ACCOUNT, SYSTEM_KIND, ANONYMOUS = "user", "service_account", "system", "anonymous"


@dataclass(frozen=True, slots=True)
class KeyScopes:
    """What an API key leaves of its owner's rights; None for ``actions`` leaves all of them."""

    actions: frozenset[str] | None = None
    collections: str = "*"

    def covers_action(self, action: str) -> bool:
        return self.actions is None or action in self.actions

    def covers_collection(self, collection: str) -> bool:
        return fnmatchcase(collection, self.collections)


@dataclass(frozen=True, slots=True)
class Actor:
    """``kind`` is ``user``, ``service_account``, ``system`` or ``anonymous``; ``id`` is the row's.

    ``method`` says how the caller proved who it is: ``token``, ``session`` or ``api_key``. The system itself, and a
    superuser, may do everything.
    """

    kind: str
    id: int | None
    name: str
    superuser: bool = False
    method: str = ""
    key_prefix: str = ""
    scopes: KeyScopes | None = None

    @property
    def is_authenticated(self) -> bool:
        return self.kind != ANONYMOUS

    @property
    def user_id(self) -> int | None:
        return self.id if self.kind == USER else None

    @classmethod
    def of(cls, user: Union["User", "AnonymousUser"], method: str = "session") -> "Actor":
        """The actor of a Django user; a disabled one is nobody."""
        if not user.is_authenticated or not user.is_active:
            return NOBODY
        return cls(USER, user.pk, user.get_username(), user.is_superuser, method)


NOBODY = Actor(ANONYMOUS, None, "anonymous")
SYSTEM = Actor(SYSTEM_KIND, None, "system", superuser=True)
