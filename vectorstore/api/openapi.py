"""The OpenAPI 3.1 document, from the declared operations: what decodes a body also describes it."""

from functools import cache
from typing import Any

import msgspec
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

from vectorstore.api.decode import strict_twin
from vectorstore.api.operation import Operation, declared
from vectorstore.api.problems import MEDIA_TYPE, Problem

Json = dict[str, Any]

NAME_PATTERN = "[A-Za-z_][A-Za-z0-9_]{0,254}"
"""Milvus's rule for the names of collections, fields, partitions, aliases and databases."""

IDEMPOTENCY_HEADER = "Idempotency-Key"
_IDEMPOTENCY = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "description": "The same key and body again within 24 hours gives the first answer again.",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
}
_NAME = {"type": "string", "pattern": f"^{NAME_PATTERN}$", "maxLength": 255}
ACCOUNT_PATTERN = "[A-Za-z0-9_.@+-]{1,150}"
"""Names of users, groups and service accounts in addresses."""
NUMBER_PATTERN = "[0-9]{1,18}"
CLUSTER_PATTERN = "[a-z0-9-]{1,64}"
_IN_PATH = {
    "username": {"type": "string", "pattern": f"^{ACCOUNT_PATTERN}$"},
    "account": {"type": "string", "pattern": f"^{ACCOUNT_PATTERN}$"},
    "cluster": {"type": "string", "pattern": f"^{CLUSTER_PATTERN}$"},
    "number": {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999_999},
}
_ENGINE_PARAMETERS = [
    {
        "name": name,
        "in": "query",
        "description": f"The {name} to work in.",
        "schema": {"type": "string", "default": "default", "pattern": f"^{pattern}$", "maxLength": 255},
    }
    for name, pattern in (("cluster", CLUSTER_PATTERN), ("database", NAME_PATTERN))
]
_STATUS_TEXT = {
    400: "The request cannot be parsed",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not there, or not visible to this caller",
    405: "The address does not answer this method; `Allow` names those it answers",
    409: "The present state forbids it",
    413: "The body is larger than the limit",
    415: "The body is not application/json",
    422: "Well-formed but invalid; `errors` names each value",
    429: "Too many requests; `Retry-After` says when to try again",
    502: "Milvus answered with an error",
    503: "Milvus or the gateway is unavailable or overloaded; `Retry-After` says when to try again",
    504: "The deadline passed; code `outcome_unknown` for a write that may have been applied",
}
_HEADERS: dict[int, tuple[str, Json]] = {
    401: ("WWW-Authenticate", {"type": "string"}),
    405: ("Allow", {"type": "string"}),
    429: ("Retry-After", {"type": "string", "pattern": "^[0-9]+$"}),
    503: ("Retry-After", {"type": "string", "pattern": "^[0-9]+$"}),
}
_JOB_ADDRESS = {"description": "The address of the job.", "schema": {"type": "string", "format": "uri-reference"}}
_SECURITY: dict[str, Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Api-Key vs_<prefix>_<secret>`",
    },
    "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
}


class Schema(AutoSchema):
    """Describes one method of a view by its ``@operation``."""

    registry: ComponentRegistry
    view: Any

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> Json | None:
        self.registry = registry
        handler = getattr(self.view, method.lower())
        if not hasattr(handler, "operation"):  # a view of another package
            return None
        operation = declared(handler)
        described: Json = {
            "operationId": operation.summary.lower().replace(" ", "_").replace("-", "_"),
            "summary": operation.summary,
            "description": " ".join((handler.__doc__ or "").split()),
            "tags": [self.view.tag],
            "parameters": self._parameters(path, operation),
            "security": [] if self.view.public else [{name: []} for name in _SECURITY],
            "responses": self._responses(path, operation),
        }
        if operation.body is not None:
            content = {"application/json": {"schema": self._schema_of(strict_twin(operation.body))}}
            described["requestBody"] = {"required": True, "content": content}
        for name, scheme in _SECURITY.items():
            self._component(ResolvedComponent.SECURITY_SCHEMA, name, scheme)
        return {key: value for key, value in described.items() if value != ""}

    def _parameters(self, path: str, operation: Operation) -> list[Json]:
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        found: list[Json] = [
            {"name": name, "in": "path", "required": True, "schema": _IN_PATH.get(name, _NAME)} for name in names
        ]
        if self.view.engine:
            found += _ENGINE_PARAMETERS
        if operation.pages:
            found += _page_parameters(operation.order)
        found += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in operation.query]
        if operation.idempotent:
            found.append(_IDEMPOTENCY)
        return found

    def _responses(self, path: str, operation: Operation) -> Json:
        success: Json = {"description": "Done"}
        if operation.status != 204:
            schema = self._schema_of(operation.answer)
            if operation.pages:
                schema = _page_of(schema)
            lines = operation.media != "application/json"
            success["content"] = {operation.media: {"schema": {"type": "string"} if lines else schema}}
        if operation.status == 202:
            success["description"] = "Under way, as the job that is the answer"
            success["headers"] = {"Location": _JOB_ADDRESS}
        if operation.headers:
            success["headers"] = {name: {"schema": schema} for name, schema in operation.headers.items()}
        if operation.idempotent:
            success.setdefault("headers", {})["Idempotency-Replayed"] = {"schema": {"const": "true"}}
        errors = {405, *operation.errors}
        if not self.view.public:
            errors |= {401, 403}
        if "{" in path or operation.pages:
            errors |= {404}
        if operation.pages or operation.query:
            errors |= {422}
        if operation.body is not None:
            errors |= {400, 413, 415, 422}
        if self.view.engine:
            errors |= {400, 404, 409, 422, 429, 502, 503, 504}
        errors |= {400, 429, 503}  # a bad Host; the rate limit; the gateway's own database
        return {
            str(operation.status): success,
            **{str(status): self._problem(status) for status in sorted(errors)},
        }

    def _problem(self, status: int) -> Json:
        described: Json = {
            "description": _STATUS_TEXT[status],
            "content": {MEDIA_TYPE: {"schema": self._schema_of(Problem)}},
        }
        if status in _HEADERS:
            name, schema = _HEADERS[status]
            described["headers"] = {name: {"schema": schema}}
        return described

    def _schema_of(self, kind: Any) -> Json:
        (schema,), components = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
        for name, component in components.items():
            self._component(ResolvedComponent.SCHEMA, name, component)
        return schema

    def _component(self, kind: str, name: str, schema: Json) -> None:
        self.registry.register_on_missing(ResolvedComponent(name, kind, schema, object=name))


def _page_parameters(order: tuple[str, ...]) -> list[Json]:
    names = "|".join(order)
    return [
        {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1, "default": 1}},
        {
            "name": "page_size",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        },
        {"name": "search", "in": "query", "description": "Part of the name.", "schema": {"type": "string"}},
        {
            "name": "ordering",
            "in": "query",
            "description": "Names separated by commas; a minus sign turns the order round.",
            "schema": {"type": "string", "pattern": f"^-?({names})(,-?({names}))*$"},
        },
    ]


def _page_of(item: Json) -> Json:
    link = {"type": ["string", "null"], "format": "uri"}
    return {
        "type": "object",
        "properties": {
            "count": {"type": "integer"},
            "next": link,
            "previous": link,
            "results": {"type": "array", "items": item},
        },
        "required": ["count", "next", "previous", "results"],
    }


@cache
def document() -> Json:
    """The whole document; it depends on the code alone, so a process makes it once."""
    found: Json = SchemaGenerator().get_schema(request=None, public=True)
    return found
