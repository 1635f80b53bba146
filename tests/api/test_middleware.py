"""Request ids, trailing slashes, and what Django itself answers under ``/api/``."""

import logging
import re
from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from tests.api.client import Api, assert_problem
from vectorstore.monitoring import request_id


def _fails(request: HttpRequest) -> HttpResponse:
    raise KeyError("a secret")


def _tells(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request_id.current.get())


urlpatterns = [
    path("api/fails/", _fails),
    path("api/tells/", _tells),
    path("fails/", _fails),
    path("api/", include("vectorstore.api.urls")),
]


@pytest.fixture
def strange() -> Iterator[Client]:
    with override_settings(ROOT_URLCONF=__name__):
        yield Client(raise_request_exception=False)


@pytest.mark.parametrize("offered", ["abc", "A.b-c_9", "x" * 128])
def test_a_sane_request_id_is_taken_and_echoed(strange: Client, offered: str) -> None:
    response = strange.get("/api/tells/", headers={"X-Request-ID": offered})
    assert response.content.decode() == response["X-Request-ID"] == offered


@pytest.mark.parametrize("offered", ["", "x" * 129, "a b", "a\tb", "é", "<script>", "a;b"])
def test_any_other_request_id_is_replaced(strange: Client, offered: str) -> None:
    response = strange.get("/api/tells/", headers={"X-Request-ID": offered})
    assert re.fullmatch("[0-9a-f]{32}", response["X-Request-ID"])
    assert response.content.decode() == response["X-Request-ID"]


def test_the_request_id_ends_with_the_request(strange: Client) -> None:
    strange.get("/api/tells/", headers={"X-Request-ID": "abc"})
    assert request_id.current.get() == ""


def test_an_unexpected_exception_is_a_bare_internal_error_and_is_logged(
    strange: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="django.request"):
        response = strange.get("/api/fails/")
    body = assert_problem(response, 500, "internal_error")
    assert "secret" not in str(body)
    assert any(record.exc_info and "a secret" in str(record.exc_info[1]) for record in caplog.records)


@override_settings(DEBUG=True)
def test_not_even_debug_shows_a_trace_under_api(strange: Client) -> None:
    assert "secret" not in strange.get("/api/fails/").content.decode()


def test_pages_outside_the_api_keep_their_own_errors(strange: Client) -> None:
    response = strange.get("/fails/")
    assert (response.status_code, response["Content-Type"].split(";")[0]) == (500, "text/html")
    assert response["X-Request-ID"]


@pytest.mark.parametrize("address", ["/api/", "/api/v1/nothing/", "/api/v2/collections/", "/api/v1/collections/a-b/"])
def test_an_address_that_is_not_there_is_a_problem(anonymous: Api, address: str) -> None:
    body = assert_problem(anonymous.get(address), 404, "not_found")
    assert body["instance"] == address


def test_a_host_that_is_not_ours_is_a_problem(anonymous: Api) -> None:
    assert_problem(anonymous.get("auth/me/", Host="evil.example"), 400, "malformed")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE"])
def test_a_method_the_address_lacks_is_405_naming_those_it_has(anonymous: Api, method: str) -> None:
    response = anonymous(method, "auth/token/")
    assert_problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "POST"


def test_the_schema_answers_reading_only(anonymous: Api) -> None:
    response = anonymous.post("/api/schema/")
    assert_problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_same_resource_answers_without_its_slash(anonymous: Api, slash: str) -> None:
    assert_problem(anonymous.get("auth/me" + slash), 401, "not_authenticated")
    assert_problem(anonymous.post("auth/token" + slash, {"username": "a"}), 422, "invalid")
