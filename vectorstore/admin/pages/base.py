"""What the pages share: their context, and how they find a record."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from vectorstore.admin.calls import allowed, visible
from vectorstore.models import CollectionRecord


def require(request: HttpRequest, action: str, record: CollectionRecord | None = None) -> None:
    """Raises Django's PermissionDenied (a page with status 403) unless ``action`` is allowed there."""
    if not allowed(request, action, record):
        raise PermissionDenied


def find(request: HttpRequest, key: str | int) -> CollectionRecord:
    """Raises Http404: there is no such record, or it is not there for who is signed in."""
    if not str(key).isascii() or not str(key).isdigit() or len(str(key)) > 18:
        raise Http404("There is no such collection.")
    records = CollectionRecord.objects.select_related("owner").prefetch_related("indexes")
    return get_object_or_404(visible(request, records.filter(pk=int(key))))


def context(request: HttpRequest, model_admin: Any, title: str, **values: Any) -> dict[str, Any]:
    """The admin site's context with the page's own."""
    return {**model_admin.admin_site.each_context(request), "title": title, **values}
