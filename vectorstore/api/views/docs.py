"""The OpenAPI document and Swagger UI, both from this server alone."""

from functools import cache

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView

from vectorstore.api.openapi import document
from vectorstore.api.renderers import encode


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_encoded(), content_type="application/json")


@cache
def _encoded() -> bytes:
    return encode(document())


class SwaggerView(SpectacularSwaggerSplitView):
    """Its script is a request of its own, so that a policy without inline scripts lets it run."""

    authentication_classes = ()
    permission_classes = ()
    url_name = "schema"
