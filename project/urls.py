"""Every route: the API, the admin, and what watches the product from outside."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from project import probes

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("livez", probes.livez),
    path("readyz", probes.readyz),
    path("healthz", probes.healthz),
    path("metrics", probes.metrics),
    path("api/", include("vectorstore.api.urls")),
    path("admin/", admin.site.urls),
]
