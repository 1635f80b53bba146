"""Changes that Django's own admin makes, in the audit log: in the same transaction, or not at all."""

import json
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from vectorstore.access.actor import Actor
from vectorstore.audit import log
from vectorstore.service.acts import entry_of


def record(request: HttpRequest, action: str, actor: Actor | None = None, **parameters: Any) -> None:
    """One outcome of an act in the admin.

    Raises:
        AuditUnavailable: it cannot be recorded, so it must not be done.
    """
    who = actor or Actor.of(request.user)
    log.append(entry_of(who, action, method="session", parameters=parameters, outcome="ok"))


class Audited(ModelAdmin if TYPE_CHECKING else object):  # type: ignore[misc]
    """A mix-in of admin pages. It names what was changed, never the values: passwords are among them."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _changed(request, "admin.add", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _changed(request, "admin.change", obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for obj in queryset:
            _changed(request, "admin.delete", obj, "")
        return super().log_deletions(request, queryset)


def _changed(request: HttpRequest, action: str, obj: Model, message: Any) -> None:
    fields = [item.get("changed", {}).get("fields", []) for item in message] if isinstance(message, list) else []
    record(
        request,
        action,
        model=obj._meta.model_name,
        key=str(obj.pk),
        name=str(obj)[:150],
        fields=sorted({name for group in fields for name in group}),
        message="" if fields else json.dumps(message)[:256],
    )
