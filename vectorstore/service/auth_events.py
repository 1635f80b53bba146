"""What the audit log tells of logins and tokens.

Each is written before the caller gets anything; if it cannot be, AuditUnavailable is raised and nothing is handed out.
"""

from vectorstore.access.actor import NOBODY, Actor
from vectorstore.audit import log
from vectorstore.service.acts import entry_of

PASSWORD, REFRESH = "password", "refresh"


def signed_in(actor: Actor) -> None:
    """A password bought a pair of tokens."""
    _append("auth.login", actor, PASSWORD)


def signed_out(actor: Actor) -> None:
    """A session of the console was ended."""
    _append("auth.logout", actor, PASSWORD)


def refused(name: str, method: str) -> None:
    """Somebody who says to be ``name`` gave a wrong password, or a refresh token that is not good."""
    action = "auth.login" if method == PASSWORD else "auth.refresh"
    _append(action, _claimed(name), method, "not_authenticated")


def locked_out(name: str) -> None:
    """Another attempt after too many wrong passwords."""
    _append("auth.login", _claimed(name), PASSWORD, "throttled")


def refreshed(actor: Actor) -> None:
    """A refresh token bought a new pair."""
    _append("auth.refresh", actor, REFRESH)


def replayed(actor: Actor) -> None:
    """A refresh token of ``actor`` was used again: somebody copied it."""
    _append("auth.replay", actor, REFRESH, "not_authenticated")


def revoked(actor: Actor) -> None:
    """A family of tokens was ended by a holder of one."""
    _append("auth.revoke", actor, REFRESH)


def _claimed(name: str) -> Actor:
    return Actor(NOBODY.kind, None, name or NOBODY.name)


def _append(action: str, actor: Actor, method: str, outcome: str = "ok") -> None:
    log.append(entry_of(actor, action, method=method, allowed=outcome == "ok", outcome=outcome))
