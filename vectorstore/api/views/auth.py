"""``auth/``: tokens, and what the caller may do."""

from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from vectorstore.access.actor import Actor
from vectorstore.access.roles import ACTIONS
from vectorstore.api import lockout, tokens
from vectorstore.api.operation import operation
from vectorstore.api.schemas.auth import CanIRequest, Credentials, Me, RefreshRequest, Verdict, my_grant
from vectorstore.api.tokens import TokenPair
from vectorstore.api.views.base import EngineView, View
from vectorstore.domain.errors import InvalidRequest, NotAuthenticated, Throttled
from vectorstore.service import auth_events
from vectorstore.service.context import Scope
from vectorstore.service.operation import Service


class TokenView(View):
    tag = "Auth"
    public = True

    @operation("Obtain a token pair", body=Credentials, answer=TokenPair, errors=(401,))
    def post(self, body: Credentials) -> TokenPair:
        """A wrong name, a wrong password and a disabled account have the same answer.

        After five wrong passwords for a name from one address both are locked out together, for 15 minutes.
        """
        request, name = self.request._request, body.username
        try:
            lockout.refuse_locked_out(request, name)
            user = _authenticated(request, body)
            with transaction.atomic():
                # Of an account that was disabled, deleted or changed meanwhile there is no such row to lock.
                now_there = User.objects.filter(pk=user.pk, is_active=True, password=user.password)
                if not now_there.update(last_login=timezone.now()):
                    raise _wrong()
                auth_events.signed_in(Actor.of(user, "token"))
                pair = tokens.issue(user)
        except NotAuthenticated:
            auth_events.refused(name, auth_events.PASSWORD)
            raise
        except Throttled:
            auth_events.locked_out(name)
            raise
        lockout.succeeded(request, user)
        return pair


def _authenticated(request: HttpRequest, body: Credentials) -> User:
    if "\0" in body.username:  # PostgreSQL cannot even compare it
        lockout.failed(request, body.username)
        raise _wrong()
    user = authenticate(request, username=body.username, password=body.password)
    if not isinstance(user, User):
        raise _wrong()
    return user


def _wrong() -> NotAuthenticated:
    return NotAuthenticated("The username or the password is wrong.")


class RefreshView(View):
    tag = "Auth"
    public = True

    @operation("Refresh a token pair", body=RefreshRequest, answer=TokenPair, errors=(401,))
    def post(self, body: RefreshRequest) -> TokenPair:
        """The old refresh token dies. Using one twice revokes every token that came from the same login."""
        try:
            return tokens.rotate(body.refresh, auth_events.refreshed)
        except tokens.Replayed as error:
            auth_events.replayed(error.actor)
            raise
        except NotAuthenticated:
            auth_events.refused("", auth_events.REFRESH)
            raise


class RevokeView(View):
    tag = "Auth"
    public = True

    @operation("Revoke a refresh token", body=RefreshRequest, status=204, errors=(401,))
    def post(self, body: RefreshRequest) -> None:
        """Every token that came from the same login is refused from now on."""
        auth_events.revoked(tokens.revoke(body.refresh))


class MeView(View):
    tag = "Auth"

    @operation("Describe the caller", answer=Me)
    def get(self) -> Me:
        """What is true of the caller now; a grant that has expired or is not valid yet is listed and gives nothing."""
        actor = self.actor
        rights = Service(Scope(actor=actor)).rights
        groups = Group.objects.filter(user=actor.user_id) if actor.user_id else Group.objects.none()
        return {
            "username": actor.name,
            "kind": actor.kind,
            "method": actor.method,
            "is_superuser": actor.superuser,
            "groups": sorted(groups.values_list("name", flat=True)),
            "permissions": sorted(action for action in ACTIONS if rights.somewhere(action)),
            "grants": [my_grant(grant) for grant in rights.grants],
        }


class CanIView(EngineView):
    tag = "Auth"

    @operation("Ask whether an action is allowed", body=CanIRequest, answer=Verdict)
    def post(self, body: CanIRequest) -> Verdict:
        """On ``collection``, or on the gateway as a whole. The answer does not say whether the collection is there."""
        if body.action not in ACTIONS:
            known = ", ".join(sorted(ACTIONS))
            raise InvalidRequest.at("/action", f"there is no such action; there are {known}", "choice")
        decision = Service(self.scope).explain_right(body.action, body.collection)
        return {"allowed": decision.allowed, "reason": decision.reason}
