"""Users, groups and service accounts.

Who manages accounts could become whoever it manages, so nobody changes an account that holds more than they do.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from vectorstore.access.delegation import grants_of, lacking
from vectorstore.domain.access_requests import (
    GroupRequest,
    ServiceAccountChanges,
    ServiceAccountRequest,
    UserChanges,
    UserRequest,
)
from vectorstore.domain.errors import AlreadyExists, InvalidRequest, NotFound, PermissionDenied
from vectorstore.domain.row_filter import MOST_VALUES, is_scalar
from vectorstore.models import ServiceAccount, UserAttributes
from vectorstore.service.operation import Service
from vectorstore.service.plain_text import refuse_nul

NAME = re.compile(r"[\w.@+-]{1,150}")
"""Django's own rule for names of users; groups and service accounts follow it."""

T = TypeVar("T")

_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MOST_ATTRIBUTES = 100


class AccountService(Service):
    # Users

    def users(self) -> QuerySet[User]:
        """All users."""
        with self.operation("grant.view"):
            return _users()

    def user(self, username: str) -> User:
        """Raises NotFound: there is no such user."""
        return _found(self.users().filter(username=username).first(), "user")

    def create_user(self, request: UserRequest) -> User:
        """Raises AlreadyExists, InvalidRequest, or PermissionDenied for groups that hold more than the caller."""
        refuse_nul(request)
        with self.operation("grant.manage") as act:
            act.parameters = {"create": "user", "user": request.username[:150], "groups": request.groups[:100]}
            _require_name(request.username, "/username")
            attributes = read_attributes(request.attributes)
            user = User(username=request.username, is_active=request.is_active)
            _set_password(user, request.password)
            groups = self._groups(request.groups)
            with _unique("user"), transaction.atomic():
                user.save()
                user.groups.set(groups)
                UserAttributes.objects.create(user=user, values=attributes)
        return user

    def update_user(self, username: str, changes: UserChanges) -> User:
        """Raises NotFound, InvalidRequest, or PermissionDenied for a user who holds more than the caller."""
        refuse_nul(changes)
        with self.operation("grant.manage") as act:
            changed = _given(changes)
            act.parameters = {"change": "user", "user": username[:150], "what": changed}
            user = _found(User.objects.filter(username=username).first(), "user")
            self._refuse_stronger(user)
            groups = None if changes.groups is None else self._groups(changes.groups)
            with transaction.atomic():
                if changes.password is not None:
                    _set_password(user, changes.password)
                if changes.is_active is not None:
                    user.is_active = changes.is_active
                user.save()
                if groups is not None:
                    user.groups.set(groups)
                if changes.attributes is not None:
                    values = read_attributes(changes.attributes)
                    UserAttributes.objects.update_or_create(user=user, defaults={"values": values})
        return _found(_users().filter(pk=user.pk).first(), "user")

    def delete_user(self, username: str) -> None:
        """Raises NotFound, or PermissionDenied for a user who holds more than the caller."""
        with self.operation("grant.manage") as act:
            act.parameters = {"delete": "user", "user": username[:150]}
            user = _found(User.objects.filter(username=username).first(), "user")
            self._refuse_stronger(user)
            user.delete()

    def _groups(self, names: list[str]) -> list[Group]:
        found = list(Group.objects.filter(name__in=names))
        missing = sorted(set(names) - {group.name for group in found})
        if missing:
            raise InvalidRequest.at("/groups", f"there is no group {missing[0][:150]!r}")
        for group in found:
            self._refuse_stronger(group)
        return found

    def may_change(self, subject: User | Group | ServiceAccount) -> bool:
        """Whether ``subject`` holds nothing that the caller does not."""
        try:
            self._refuse_stronger(subject)
        except PermissionDenied:
            return False
        return True

    def _refuse_stronger(self, subject: User | Group | ServiceAccount) -> None:
        """Raises PermissionDenied unless the caller may do everything that ``subject`` may."""
        if self.scope.actor.superuser:
            return
        lacks = "it may use Django's admin" if _has_django_rights(subject) else ""
        for grant in grants_of(subject):
            lacks = lacks or lacking(self.rights, grant)
        if lacks:
            raise PermissionDenied(f"The account holds more than you do: {lacks}.")

    # Groups

    def groups(self) -> QuerySet[Group]:
        """All groups."""
        with self.operation("grant.view"):
            return Group.objects.order_by("name")

    def group(self, name: str) -> Group:
        """Raises NotFound: there is no such group."""
        return _found(self.groups().filter(name=name).first(), "group")

    def create_group(self, request: GroupRequest) -> Group:
        """Raises AlreadyExists, InvalidRequest."""
        refuse_nul(request)
        with self.operation("grant.manage") as act:
            act.parameters = {"create": "group", "group": request.name[:150]}
            _require_name(request.name, "/name")
            with _unique("group"), transaction.atomic():
                return Group.objects.create(name=request.name)

    def delete_group(self, name: str) -> None:
        """Delete a group with its grants. Raises NotFound, or PermissionDenied where it holds more than the caller."""
        with self.operation("grant.manage") as act:
            act.parameters = {"delete": "group", "group": name[:150]}
            group = _found(Group.objects.filter(name=name).first(), "group")
            self._refuse_stronger(group)
            group.delete()

    # Service accounts

    def service_accounts(self) -> QuerySet[ServiceAccount]:
        """All service accounts."""
        with self.operation("grant.view"):
            return ServiceAccount.objects.order_by("name")

    def service_account(self, name: str) -> ServiceAccount:
        """Raises NotFound: there is no such service account."""
        return _found(self.service_accounts().filter(name=name).first(), "service account")

    def create_service_account(self, request: ServiceAccountRequest) -> ServiceAccount:
        """Raises AlreadyExists, InvalidRequest."""
        refuse_nul(request)
        with self.operation("grant.manage") as act:
            act.parameters = {"create": "service account", "service_account": request.name[:150]}
            _require_name(request.name, "/name")
            attributes = read_attributes(request.attributes)
            with _unique("service account"), transaction.atomic():
                return ServiceAccount.objects.create(
                    name=request.name, attributes=attributes, is_active=request.is_active
                )

    def update_service_account(self, name: str, changes: ServiceAccountChanges) -> ServiceAccount:
        """Raises NotFound, InvalidRequest, or PermissionDenied where it holds more than the caller."""
        refuse_nul(changes)
        with self.operation("grant.manage") as act:
            changed = _given(changes)
            act.parameters = {"change": "service account", "service_account": name[:150], "what": changed}
            account = _found(ServiceAccount.objects.filter(name=name).first(), "service account")
            self._refuse_stronger(account)
            if changes.attributes is not None:
                account.attributes = read_attributes(changes.attributes)
            if changes.is_active is not None:
                account.is_active = changes.is_active
            account.save()
            return account

    def delete_service_account(self, name: str) -> None:
        """Delete it with its keys and grants. Raises NotFound, or PermissionDenied as ``update_service_account``."""
        with self.operation("grant.manage") as act:
            act.parameters = {"delete": "service account", "service_account": name[:150]}
            account = _found(ServiceAccount.objects.filter(name=name).first(), "service account")
            self._refuse_stronger(account)
            account.delete()


def _users() -> QuerySet[User]:
    return User.objects.select_related("attributes").prefetch_related("groups").order_by("username")


def read_attributes(values: dict[str, Any]) -> dict[str, Any]:
    """Attributes as row filters can use them.

    Raises:
        InvalidRequest: a name or a value is of another kind; ``name`` always stands for the account's own name.
    """
    for name, value in values.items():
        pointer = f"/attributes/{name[:64]}"
        if not _ATTRIBUTE.fullmatch(name) or name == "name":
            raise InvalidRequest.at(pointer, "an attribute is named by letters, digits and underscores, and not 'name'")
        listed = value if isinstance(value, list) else [value]
        if len(listed) > MOST_VALUES or not all(is_scalar(item) for item in listed):
            detail = f"a value is a string, a number or a boolean, or up to {MOST_VALUES} of them"
            raise InvalidRequest.at(pointer, detail)
    if len(values) > _MOST_ATTRIBUTES:
        raise InvalidRequest.at("/attributes", f"there are at most {_MOST_ATTRIBUTES} attributes")
    return values


def _given(changes: UserChanges | ServiceAccountChanges) -> list[str]:
    return sorted(name for name, value in asdict(changes).items() if value is not None)


def _has_django_rights(subject: User | Group | ServiceAccount) -> bool:
    if isinstance(subject, User):
        permitted = (
            subject.user_permissions.exists() or Group.objects.filter(user=subject, permissions__isnull=False).exists()
        )
        return subject.is_superuser or subject.is_staff or permitted
    return isinstance(subject, Group) and subject.permissions.exists()


def _require_name(name: str, pointer: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidRequest.at(pointer, "a name has 1 to 150 letters, digits and @ . + - _")


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidRequest.at("/password", " ".join(error.messages)) from None
    user.set_password(password)


@contextmanager
def _unique(what: str) -> Iterator[None]:
    """What is saved within has a name of its own."""
    try:
        yield
    except IntegrityError:
        raise AlreadyExists(f"There is a {what} of that name already.") from None


def _found(item: T | None, what: str) -> T:
    if item is None:
        raise NotFound(f"There is no such {what}.")
    return item
