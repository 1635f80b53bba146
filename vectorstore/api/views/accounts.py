"""``users/``, ``groups/`` and ``service-accounts/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.schemas.access import (
    GroupBody,
    ServiceAccountBody,
    UserBody,
    group_body,
    service_account_body,
    user_body,
)
from vectorstore.api.views.base import View
from vectorstore.domain.access_requests import (
    GroupRequest,
    ServiceAccountChanges,
    ServiceAccountRequest,
    UserChanges,
    UserRequest,
)
from vectorstore.service.account_service import AccountService
from vectorstore.service.context import Scope

BY_NAME = ("name",)


class _AccountView(View):
    tag = "Access"

    @property
    def service(self) -> AccountService:
        return AccountService(Scope(actor=self.actor))


class UsersView(_AccountView):
    @operation("List users", answer=UserBody, order=("username", "date_joined", "last_login"))
    def get(self) -> dict[str, Any]:
        return self.table(self.service.users(), user_body, search="username")

    @operation("Create a user", body=UserRequest, answer=UserBody, status=201, errors=(409,))
    def post(self, body: UserRequest) -> UserBody:
        """The password is never shown again. Groups that hold more than the caller are refused."""
        return user_body(self.service.create_user(body))


class UserView(_AccountView):
    @operation("Describe a user", answer=UserBody)
    def get(self, username: str) -> UserBody:
        return user_body(self.service.user(username))

    @operation("Change a user", body=UserChanges, answer=UserBody)
    def patch(self, body: UserChanges, username: str) -> UserBody:
        """A new password ends the user's tokens. A user who holds more than the caller is not changed."""
        return user_body(self.service.update_user(username, body))

    @operation("Delete a user", status=204)
    def delete(self, username: str) -> None:
        self.service.delete_user(username)


class GroupsView(_AccountView):
    @operation("List groups", answer=GroupBody, order=BY_NAME)
    def get(self) -> dict[str, Any]:
        return self.table(self.service.groups(), group_body, search="name")

    @operation("Create a group", body=GroupRequest, answer=GroupBody, status=201, errors=(409,))
    def post(self, body: GroupRequest) -> GroupBody:
        return group_body(self.service.create_group(body))


class GroupView(_AccountView):
    @operation("Describe a group", answer=GroupBody)
    def get(self, account: str) -> GroupBody:
        return group_body(self.service.group(account))

    @operation("Delete a group", status=204)
    def delete(self, account: str) -> None:
        """Its grants go with it."""
        self.service.delete_group(account)


class ServiceAccountsView(_AccountView):
    @operation("List service accounts", answer=ServiceAccountBody, order=("name", "created_at"))
    def get(self) -> dict[str, Any]:
        return self.table(self.service.service_accounts(), service_account_body, search="name")

    @operation(
        "Create a service account", body=ServiceAccountRequest, answer=ServiceAccountBody, status=201, errors=(409,)
    )
    def post(self, body: ServiceAccountRequest) -> ServiceAccountBody:
        """It has API keys and no password."""
        return service_account_body(self.service.create_service_account(body))


class ServiceAccountView(_AccountView):
    @operation("Describe a service account", answer=ServiceAccountBody)
    def get(self, account: str) -> ServiceAccountBody:
        return service_account_body(self.service.service_account(account))

    @operation("Change a service account", body=ServiceAccountChanges, answer=ServiceAccountBody)
    def patch(self, body: ServiceAccountChanges, account: str) -> ServiceAccountBody:
        return service_account_body(self.service.update_service_account(account, body))

    @operation("Delete a service account", status=204)
    def delete(self, account: str) -> None:
        """Its keys and grants go with it."""
        self.service.delete_service_account(account)
