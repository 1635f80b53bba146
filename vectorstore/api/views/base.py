"""The skeleton of every view: authenticate, decode, call the handler, encode.

Django REST framework's dispatch negotiates content, builds parsers and renders lazily for every request.
Answers here are always JSON, so this one skips all that: a search then costs little beside Milvus.
"""

import json
import re
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.views import APIView

from vectorstore.access.actor import Actor
from vectorstore.api import rate_limits
from vectorstore.api.authentication import ApiKeyAuthentication, SessionAuthentication, TokenAuthentication
from vectorstore.api.decode import decode, read_body
from vectorstore.api.openapi import CLUSTER_PATTERN, IDEMPOTENCY_HEADER, NAME_PATTERN, Schema
from vectorstore.api.operation import declared
from vectorstore.api.pagination import Key, Pages, refined, refined_rows
from vectorstore.api.problems import method_not_allowed, problem_response, translate
from vectorstore.api.renderers import encode
from vectorstore.config.settings import current
from vectorstore.domain.errors import InvalidRequest, MalformedRequest, NotAuthenticated, NotFound
from vectorstore.service.context import Scope
from vectorstore.service.idempotency_service import once

_NAME = re.compile(NAME_PATTERN)
_CLUSTER = re.compile(CLUSTER_PATTERN)
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
Render = Callable[[Any], Any]
"""From what a service gives to the body that the API answers with."""


class View(APIView):
    """A view without Milvus. Handlers are declared with ``@operation`` and return what is to be encoded."""

    authentication_classes = (TokenAuthentication, ApiKeyAuthentication, SessionAuthentication)
    schema = Schema()
    tag = ""
    public = False
    """True for the views that authenticate nobody: those that hand out tokens, and downloads."""
    bucket = "login"
    """What a public view's requests are counted together with, by address."""
    engine = False
    """True where the view touches Milvus, and so takes ``?cluster=&database=``."""

    request: Request

    def dispatch(self, request: HttpRequest, *args: Any, **path: Any) -> HttpResponseBase:
        self.began = time.perf_counter()
        try:
            return self._answer(request, path)
        except Exception as error:
            failure = translate(error)
            if failure is None:
                raise  # Django logs it with its trace; the middleware answers a bare internal_error
            return problem_response(request, failure)

    def _answer(self, request: HttpRequest, path: dict[str, str]) -> HttpResponseBase:
        method = (request.method or "").lower()
        handler = getattr(self, "get" if method == "head" else method, None)
        if handler is None or not hasattr(handler, "operation"):
            raise method_not_allowed(request, ", ".join(self.allowed_methods))
        self.request = Request(request, authenticators=() if self.public else self.get_authenticators())
        rate_limits.count(self.request, public=self.public, bucket=self.bucket)
        if not self.public and not self.request.user.is_authenticated:
            raise NotAuthenticated("Send Authorization: Bearer <access token> or Api-Key <key>.")
        _once_each(self.request)
        operation = declared(handler)
        if operation.body is None:
            result = handler(**path)
            if isinstance(result, HttpResponseBase):
                return result
            if operation.status == 204:
                return HttpResponse(status=204)
            return _answered(encode(result), operation.status)
        raw = read_body(request, current().max_body_bytes)
        body = decode(raw, operation.body)
        key = request.headers.get(IDEMPOTENCY_HEADER) if operation.idempotent else None
        # An earlier answer is not for who has lost the right since: then the handler itself refuses.
        if key and self.may(operation.idempotent, **path):
            return self._once(key, raw, operation.status, lambda: encode(handler(body, **path)))
        result = handler(body, **path)
        return result if isinstance(result, HttpResponseBase) else _answered(encode(result), operation.status)

    def _once(self, key: str, raw: bytes, status: int, work: Callable[[], bytes]) -> HttpResponse:
        """The answer of a write under an ``Idempotency-Key``: of this request, or of the first one again."""
        if not IDEMPOTENCY_KEY.fullmatch(key):
            raise MalformedRequest(f"{IDEMPOTENCY_HEADER} is 1 to 255 printable ASCII characters.")
        scope = f"{self.actor.kind} {self.actor.id} {self.request.method} {self.request.get_full_path()}"
        status, answer, again = once(scope, key, raw, lambda: (status, work()))
        response = _answered(answer, status)
        if again:
            response["Idempotency-Replayed"] = "true"
        return response

    def may(self, action: str, **path: Any) -> bool:
        """Whether the caller may do ``action`` there, for operations that take an ``Idempotency-Key``."""
        raise NotImplementedError

    @property
    def allowed_methods(self) -> list[str]:
        names = [name.upper() for name in self.http_method_names if hasattr(getattr(self, name, None), "operation")]
        return sorted({*names, "HEAD"} if "GET" in names else names)

    @cached_property
    def actor(self) -> Actor:
        """Who calls: the owner of the token or the key, or whoever is signed in."""
        user = self.request.user
        return user if isinstance(user, Actor) else Actor.of(user)

    def page(
        self, items: Sequence[Any], render: Render, *, search: Key, ordering: dict[str, Key], order: str = ""
    ) -> dict[str, Any]:
        """The page of ``items`` that the query string asks for; ``order`` is the default one."""
        found = refined(items, self.request, search, ordering, order)
        return Pages().envelope(found, self.request, lambda rows: [render(row) for row in rows])

    def table(self, rows: "QuerySet[Any]", render: Render, *, search: str, order: str = "") -> dict[str, Any]:
        """The page of database rows that the query string asks for; ``order`` is the default one."""
        columns = declared(self.get).order  # type: ignore[attr-defined]
        found = refined_rows(rows, self.request, search, (order, *columns) if order else columns)
        return Pages().envelope(found, self.request, lambda rows: [render(row) for row in rows])


class EngineView(View):
    """A view of what is in Milvus."""

    engine = True

    @cached_property
    def scope(self) -> Scope:
        """Who asks, and where: ``?cluster=&database=``."""
        if not self.request.META.get("QUERY_STRING"):
            return Scope(actor=self.actor)
        asked = self.request.query_params
        cluster, database = asked.get("cluster", "default"), asked.get("database", "default")
        if not _CLUSTER.fullmatch(cluster):
            raise NotFound("There is no cluster of that name.")
        if not _NAME.fullmatch(database):  # Milvus takes it in a gRPC header, which holds no such text
            raise NotFound("There is no database of that name.")
        return Scope(actor=self.actor, cluster=cluster, database=database)


def _once_each(request: Request) -> None:
    """Of a parameter that is given twice, one would be left out in silence."""
    if not request.META.get("QUERY_STRING"):
        return
    for name, values in request.query_params.lists():
        if len(values) > 1:
            raise InvalidRequest.at(f"?{name}", f"{name[:64]} is given {len(values)} times; give it once")


def _answered(content: bytes, status: int) -> HttpResponse:
    """JSON; with 202 it is a job, and its address goes with it."""
    response = HttpResponse(content, status=status, content_type="application/json")
    if status == 202:
        response["Location"] = reverse("job", kwargs={"number": json.loads(content)["id"]})
    return response
