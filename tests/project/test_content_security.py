"""What a browser is told about each kind of page."""

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

pytestmark = pytest.mark.django_db

STRICT = {
    "default-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "form-action": "'self'",
}
ADMIN = STRICT | {"script-src": "'self' 'unsafe-eval'", "style-src": "'self' 'unsafe-inline'"}
DOCS = STRICT | {"style-src": "'self' 'unsafe-inline'", "img-src": "'self' data:"}
PAGES = [
    ("/", STRICT),
    ("/livez", STRICT),
    ("/api/schema/", STRICT),
    ("/api/v1/collections/", STRICT),  # 401
    ("/api/v1/nothing/", STRICT),  # 404, put into other words by the middleware of the API
    ("/nothing/", STRICT),
    ("/static/vectorstore/console.js", STRICT),
    ("/admin/login/", ADMIN),
    ("/admin/", ADMIN),
    ("/api/docs/", DOCS),
    ("/api/docs/?script", DOCS),
]


def _policy(text: str) -> dict[str, str]:
    return dict(part.split(" ", 1) for part in text.split("; "))


@pytest.mark.parametrize(("path", "policy"), PAGES)
def test_each_page_has_its_policy(client: Client, path: str, policy: dict[str, str]) -> None:
    answer = client.get(path)
    assert _policy(answer["Content-Security-Policy"]) == policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


def test_only_the_admin_may_evaluate_and_no_script_stands_in_a_page(client: Client) -> None:
    for path, _ in PAGES:
        policy = _policy(client.get(path)["Content-Security-Policy"])
        assert "'unsafe-inline'" not in policy.get("script-src", policy["default-src"])
        if not path.startswith("/admin/"):
            assert "'unsafe-eval'" not in str(policy)


def test_a_wrong_host_is_told_the_same(client: Client) -> None:
    answer = client.get("/api/v1/collections/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert _policy(answer["Content-Security-Policy"]) == STRICT


def test_signing_in_sets_cookies_that_scripts_and_strangers_cannot_use(client: Client) -> None:
    get_user_model().objects.create_superuser("root", password="battery staple")
    signed_in = client.post("/admin/login/", {"username": "root", "password": "battery staple"})
    assert signed_in.status_code == 302
    session = signed_in.cookies[settings.SESSION_COOKIE_NAME]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
    assert signed_in.cookies[settings.CSRF_COOKIE_NAME]["samesite"] == "Lax"
