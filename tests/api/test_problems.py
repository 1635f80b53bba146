"""Every failure as problem details."""

import json

import pytest
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions as drf

import vectorstore.api.urls  # noqa: F401  every module that could define an error
from vectorstore.api.problems import (
    STATUS,
    MethodNotAllowed,
    exception_handler,
    problem_response,
    translate,
)
from vectorstore.domain import errors
from vectorstore.domain.errors import FieldError, VectorStoreError


def _all(kind: type[VectorStoreError]) -> list[type[VectorStoreError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _all(child))]


@pytest.mark.parametrize("kind", _all(VectorStoreError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status(kind: type[VectorStoreError]) -> None:
    assert kind.code in STATUS
    assert kind is VectorStoreError or kind.title != VectorStoreError.title


def test_no_code_is_left_without_an_error() -> None:
    assert {kind.code for kind in _all(VectorStoreError)} == set(STATUS)


def test_a_problem_carries_fields_pointers_and_the_cause_in_milvus() -> None:
    request = RequestFactory().post("/api/v1/collections/docs/search/")
    error = errors.InvalidRequest(
        "two are wrong", errors=(FieldError("/top_k", "range", "above 0"),), milvus_code=65535
    )
    response = problem_response(request, error)
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert json.loads(response.content) == {
        "type": "urn:vectorstore:problem:invalid",
        "title": "Invalid value",
        "status": 422,
        "detail": "two are wrong",
        "instance": "/api/v1/collections/docs/search/",
        "code": "invalid",
        "request_id": "",
        "retryable": False,
        "errors": [{"pointer": "/top_k", "code": "range", "detail": "above 0"}],
        "milvus_code": 65535,
    }


@pytest.mark.parametrize(("wait", "seconds"), [(None, "1"), (0.2, "1"), (4.1, "5")])
def test_503_says_when_to_come_back(wait: float | None, seconds: str) -> None:
    error = errors.EngineUnavailable("Milvus is away.", retry_after=wait)
    response = problem_response(RequestFactory().get("/api/"), error)
    assert (response.status_code, response["Retry-After"]) == (503, seconds)
    assert json.loads(response.content)["retryable"] is True


def test_401_names_the_scheme_and_405_the_methods() -> None:
    request = RequestFactory().get("/api/")
    assert problem_response(request, errors.NotAuthenticated("?"))["WWW-Authenticate"].startswith("Bearer")
    assert problem_response(request, MethodNotAllowed("?", allow="POST"))["Allow"] == "POST"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Http404("secret path"), "not_found"),
        (drf.NotFound(), "not_found"),
        (drf.NotAuthenticated(), "not_authenticated"),
        (drf.AuthenticationFailed(), "not_authenticated"),
        (drf.PermissionDenied(), "permission_denied"),
        (PermissionDenied("secret"), "permission_denied"),
        (drf.MethodNotAllowed("PUT"), "method_not_allowed"),
        (drf.UnsupportedMediaType("text/plain"), "unsupported_media_type"),
        (drf.ParseError(), "malformed"),
        (BadRequest("secret"), "malformed"),
        (SuspiciousOperation("secret"), "malformed"),
        (RequestDataTooBig(), "too_large"),
        (drf.ValidationError("secret"), "invalid"),
        (drf.Throttled(wait=7), "throttled"),
        (OperationalError("secret"), "database_unavailable"),
    ],
)
def test_errors_of_the_frameworks_are_translated_without_their_text(error: Exception, code: str) -> None:
    found = translate(error)
    assert found is not None
    assert found.code == code
    assert "secret" not in found.detail


def test_an_unexpected_exception_is_left_to_be_logged() -> None:
    request = RequestFactory().get("/api/")
    assert translate(KeyError("x")) is None
    assert exception_handler(KeyError("x"), {"request": request}) is None
    handled = exception_handler(Http404(), {"request": request})
    assert handled is not None
    assert handled.status_code == 404
