"""How the admin looks."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy


def _needs(right: str) -> Any:
    """``right`` is a permission of Django's models, or an action that a grant gives."""

    def check(request: HttpRequest) -> bool:
        from vectorstore.access.roles import ACTIONS
        from vectorstore.admin.calls import allowed  # models can be imported only now

        return allowed(request, right) if right in ACTIONS else request.user.has_perm(right)

    return check


def _link(title: str, icon: str, page: str, permission: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{page}"), "permission": _needs(permission)}


_LIST = "vectorstore_collectionrecord_changelist"


def _on_collections(request: HttpRequest) -> bool:
    return request.path.startswith(reverse(f"admin:{_LIST}")) and request.path != reverse("admin:vectorstore_search")


def _on_profiles(request: HttpRequest) -> bool:
    slow = reverse("admin:vectorstore_slow_queries")
    return request.path.startswith(reverse("admin:vectorstore_searchprofile_changelist")) and request.path != slow


def _style(request: HttpRequest) -> str:
    return static("vectorstore/console.css")


def _script(request: HttpRequest) -> str:
    return static("vectorstore/console.js")


def _icon(request: HttpRequest) -> str:
    return static("vectorstore/icon.svg")


LOGIN_REDIRECT_URL = "admin:index"  # Unfold's page does not say where to go on to

_SCHEDULES = (
    ("Periodic tasks", "event_repeat", "periodictask"),
    ("Intervals", "timer", "intervalschedule"),
    ("Crontabs", "calendar_month", "crontabschedule"),
    ("Solar events", "wb_twilight", "solarschedule"),
    ("Points in time", "schedule", "clockedschedule"),
)

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Vectorstore",
    "SITE_HEADER": "Vectorstore",
    "SITE_SUBHEADER": "Console for Milvus",
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [_style],
    "SCRIPTS": [_script],
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": "Vectors",
                "items": [
                    {
                        **_link("Collections", "database", _LIST, "collection.view"),
                        "active": _on_collections,
                    },
                    _link("Search", "search", "vectorstore_search", "vector.search"),
                    _link("Indexes", "account_tree", "vectorstore_indexrecord_changelist", "index.view"),
                    _link("Jobs", "pending_actions", "vectorstore_job_changelist", "job.view"),
                    {
                        **_link("Profiles", "timer", "vectorstore_searchprofile_changelist", "profile.view"),
                        "active": _on_profiles,
                    },
                    _link("Slow queries", "hourglass_bottom", "vectorstore_slow_queries", "profile.view"),
                    _link("Clusters", "dns", "vectorstore_cluster_changelist", "cluster.view"),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _link("Users", "person", "auth_user_changelist", "auth.view_user"),
                    _link("Groups", "group", "auth_group_changelist", "auth.view_group"),
                    _link("Service accounts", "smart_toy", "vectorstore_serviceaccount_changelist", "grant.view"),
                    _link("Grants", "verified_user", "vectorstore_grant_changelist", "grant.view"),
                    _link("API keys", "key", "vectorstore_apikey_changelist", "apikey.own"),
                    _link("Audit", "history", "vectorstore_auditrecord_changelist", "audit.view"),
                ],
            },
            {
                "title": "Schedules",
                "items": [
                    _link(title, icon, f"django_celery_beat_{model}_changelist", f"django_celery_beat.view_{model}")
                    for title, icon, model in _SCHEDULES
                ],
            },
        ],
    },
}
