"""A client of the API, and what every problem has."""

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

BASE = "/api/v1/"


class Api:
    """JSON in and out, below ``/api/v1/``. An exception inside becomes the 500 that a caller would see."""

    def __init__(self, token: str | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(
            method,
            path if path.startswith("/") else BASE + path,
            raw,
            content_type=headers.pop("content_type", "application/json"),
            headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self("DELETE", path, **headers)


def assert_problem(response: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """The answer is a whole problem document of that status and code; returns it."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"urn:vectorstore:problem:{code}"
    assert body["request_id"] == response["X-Request-ID"]
    assert {"title", "detail", "instance", "retryable"} <= set(body)
    assert "Traceback" not in response.content.decode()
    return body
