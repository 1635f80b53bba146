"""Pages of rows that services write, guarded by grants and not by Django's permissions."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from vectorstore.admin.calls import allowed
from vectorstore.domain.errors import VectorStoreError


class ThroughService(ModelAdmin):
    """``rights`` maps ``view``, ``add``, ``change`` and ``delete`` to actions; what is left out nobody may do.

    What a service refuses is told on the page, and nothing is saved.
    """

    rights: ClassVar[dict[str, str]] = {}

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "delete")

    def _may(self, request: HttpRequest, what: str) -> bool:
        return what in self.rights and allowed(request, self.rights[what])

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except VectorStoreError as error:
            return _told(request, error)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().delete_view(request, *args, **kwargs)
        except VectorStoreError as error:
            return _told(request, error)


def _told(request: HttpRequest, error: VectorStoreError) -> HttpResponse:
    messages.error(request, error.detail)
    return HttpResponseRedirect(request.get_full_path())
