"""Rights for the tests."""

from typing import Any

from django.contrib.auth.models import Group, User

from vectorstore.models import Grant, ServiceAccount


def give(subject: User | Group | ServiceAccount, role: str, collections: str = "*", **values: Any) -> Grant:
    """A grant to ``subject``, whatever anybody else holds."""
    kinds = {User: "user", Group: "group", ServiceAccount: "service_account"}
    return Grant.objects.create(**{kinds[type(subject)]: subject}, role=role, collections=collections, **values)
