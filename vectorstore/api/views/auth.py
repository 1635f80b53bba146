"""``auth/``: tokens, and what the caller may do."""

from django.contrib.auth import authenticate
from django.contrib.auth.models import User, update_last_login

from vectorstore.access.actor import ACTIONS
from vectorstore.api import tokens
from vectorstore.api.operation import operation
from vectorstore.api.schemas.auth import CanIRequest, Credentials, Me, RefreshRequest, Verdict
from vectorstore.api.tokens import TokenPair
from vectorstore.api.views.base import View
from vectorstore.domain.errors import InvalidRequest, NotAuthenticated


class TokenView(View):
    tag = "Auth"
    public = True

    @operation("Obtain a token pair", body=Credentials, answer=TokenPair, errors=(401,))
    def post(self, body: Credentials) -> TokenPair:
        """A wrong name, a wrong password and a disabled account have the same answer."""
        user = None
        if "\0" not in body.username:  # PostgreSQL cannot even compare it
            user = authenticate(self.request._request, username=body.username, password=body.password)
        if not isinstance(user, User):
            raise NotAuthenticated("The username or the password is wrong.")
        update_last_login(User, user)
        return tokens.issue(user)


class RefreshView(View):
    tag = "Auth"
    public = True

    @operation("Refresh a token pair", body=RefreshRequest, answer=TokenPair, errors=(401,))
    def post(self, body: RefreshRequest) -> TokenPair:
        """The old refresh token dies. Using one twice revokes every token that came from the same login."""
        return tokens.rotate(body.refresh)


class RevokeView(View):
    tag = "Auth"
    public = True

    @operation("Revoke a refresh token", body=RefreshRequest, status=204, errors=(401,))
    def post(self, body: RefreshRequest) -> None:
        tokens.revoke(body.refresh)


class MeView(View):
    tag = "Auth"

    @operation("Describe the caller", answer=Me)
    def get(self) -> Me:
        user = self.request.user
        return {
            "username": user.get_username(),
            "is_superuser": user.is_superuser,
            "groups": sorted(user.groups.values_list("name", flat=True)),
            "permissions": sorted(action for action in ACTIONS if self.actor.allows(action)),
        }


class CanIView(View):
    tag = "Auth"

    @operation("Ask whether an action is allowed", body=CanIRequest, answer=Verdict)
    def post(self, body: CanIRequest) -> Verdict:
        """Rights hold for all collections alike, so ``collection`` does not change the verdict."""
        permission = ACTIONS.get(body.action)
        if permission is None:
            raise InvalidRequest.at(
                "/action", f"there is no such action; there are {', '.join(sorted(ACTIONS))}", "choice"
            )
        if self.actor.superuser:
            return {"allowed": True, "reason": "superuser"}
        allowed = self.actor.allows(body.action)
        return {"allowed": allowed, "reason": f"{'has' if allowed else 'lacks'} the permission {permission}"}
