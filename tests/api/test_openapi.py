"""The OpenAPI document and Swagger UI."""

import json
import re
from typing import Any

import pytest

from tests.api.client import Api
from vectorstore.api.openapi import document

OPERATIONS = [
    pytest.param(path, operation, id=operation["operationId"])
    for path, methods in document()["paths"].items()
    for operation in methods.values()
]


def _refs(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(_refs(value) for value in node.values()))
    return set().union(*(_refs(value) for value in node)) if isinstance(node, list) else set()


def test_the_document_is_served_to_anybody_as_openapi_31(anonymous: Api) -> None:
    response = anonymous.get("/api/schema/")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response.json()["openapi"].startswith("3.1")
    assert response.json() == json.loads(json.dumps(document()))


def test_swagger_ui_takes_everything_from_this_server(anonymous: Api) -> None:
    page = anonymous.get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    for address in re.findall(r'(?:src|href)="([^"]+)"', text):
        assert address.startswith("/"), address
    assert not re.search(r"<script(?![^>]*src=)", text), "no inline script"
    script = anonymous.get("/api/docs/?script=")
    assert script.status_code == 200
    assert "/api/schema/" in script.content.decode()


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/{kind}/{name}" for kind, held in document()["components"].items() for name in held}
    assert _refs(document()) <= known


def test_operation_ids_are_unique() -> None:
    names = [parameters.values[1]["operationId"] for parameters in OPERATIONS]
    assert len(names) == len(set(names))


def test_every_address_of_the_contract_is_described() -> None:
    assert {path: set(methods) for path, methods in document()["paths"].items()} == {
        "/api/v1/auth/token/": {"post"},
        "/api/v1/auth/token/refresh/": {"post"},
        "/api/v1/auth/token/revoke/": {"post"},
        "/api/v1/auth/me/": {"get"},
        "/api/v1/auth/can-i/": {"post"},
        "/api/v1/collections/": {"get", "post"},
        "/api/v1/collections/{name}/": {"get", "patch", "delete"},
        **{
            f"/api/v1/collections/{{name}}/{action}/": {"post"}
            for action in ("load", "release", "flush", "compact", "rename", "truncate")
        },
        "/api/v1/collections/{name}/stats/": {"get"},
        "/api/v1/advice/{name}/": {"get", "post"},
        "/api/v1/advice/{name}/apply/": {"post"},
        "/api/v1/collections/{name}/partitions/": {"get", "post"},
        "/api/v1/collections/{name}/partitions/{partition}/": {"get", "delete"},
        "/api/v1/collections/{name}/indexes/": {"get", "post"},
        "/api/v1/collections/{name}/indexes/{field}/": {"get", "delete"},
        "/api/v1/collections/{name}/indexes/{field}/measure/": {"post"},
        "/api/v1/collections/{name}/indexes/{field}/rebuild/": {"post"},
        "/api/v1/collections/{name}/vectors/": {"post", "put"},
        **{
            f"/api/v1/collections/{{name}}/vectors/{action}/": {"post"}
            for action in ("get", "query", "count", "delete")
        },
        "/api/v1/collections/{name}/search/": {"post"},
        **{f"/api/v1/collections/{{name}}/search/{kind}/": {"post"} for kind in ("range", "hybrid", "text", "explain")},
        "/api/v1/aliases/": {"get", "post"},
        "/api/v1/aliases/{alias}/": {"get", "put", "delete"},
        "/api/v1/databases/": {"get", "post"},
        "/api/v1/databases/{name}/": {"get", "delete"},
        "/api/v1/users/": {"get", "post"},
        "/api/v1/users/{username}/": {"get", "patch", "delete"},
        "/api/v1/groups/": {"get", "post"},
        "/api/v1/groups/{account}/": {"get", "delete"},
        "/api/v1/service-accounts/": {"get", "post"},
        "/api/v1/service-accounts/{account}/": {"get", "patch", "delete"},
        "/api/v1/grants/": {"get", "post"},
        "/api/v1/grants/{number}/": {"get", "patch", "delete"},
        "/api/v1/roles/": {"get"},
        "/api/v1/api-keys/": {"get", "post"},
        "/api/v1/api-keys/{number}/": {"get", "delete"},
        "/api/v1/clusters/": {"get", "post"},
        "/api/v1/clusters/{cluster}/": {"get", "patch", "delete"},
        "/api/v1/clusters/{cluster}/test/": {"post"},
        "/api/v1/jobs/": {"get"},
        "/api/v1/jobs/{number}/": {"get"},
        "/api/v1/jobs/{number}/cancel/": {"post"},
        "/api/v1/jobs/{number}/retry/": {"post"},
        "/api/v1/collections/{name}/import/": {"post"},
        "/api/v1/collections/{name}/export/": {"post"},
        "/api/v1/downloads/{token}/": {"get"},
        "/api/v1/backups/": {"get", "post"},
        "/api/v1/backups/{set_id}/": {"get", "patch", "delete"},
        "/api/v1/backups/{set_id}/verify/": {"post"},
        "/api/v1/backup-policies/": {"get", "post"},
        "/api/v1/backup-policies/{policy}/": {"get", "patch", "delete"},
        "/api/v1/backup-policies/{policy}/retention/": {"get"},
        "/api/v1/restores/": {"post"},
        "/api/v1/collections/{name}/recovery-window/": {"get"},
        "/api/v1/restore-points/": {"get", "post"},
        "/api/v1/drift/": {"get"},
        "/api/v1/collections/{name}/drift/adopt/": {"post"},
        "/api/v1/collections/{name}/drift/revert/": {"post"},
        "/api/v1/profiles/": {"get"},
        "/api/v1/profiles/{number}/": {"get"},
        "/api/v1/slow-queries/": {"get"},
        "/api/v1/audit/": {"get"},
        "/api/v1/audit/export/": {"get"},
        "/api/v1/audit/verify/": {"post"},
    }


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_every_operation_describes_its_path_its_success_and_its_problems(path: str, operation: dict[str, Any]) -> None:
    in_path = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", path))
    successes = [status for status in operation["responses"] if status.startswith("2")]
    assert len(successes) == 1
    for status, response in operation["responses"].items():
        if status.startswith(("4", "5")):
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}
    assert {"400", "405"} <= set(operation["responses"])
    assert bool(operation["security"]) == ("401" in operation["responses"] and "/auth/token/" not in path)
    if "requestBody" in operation:
        assert {"413", "415", "422"} <= set(operation["responses"])


def test_bodies_of_the_hot_path_are_described_by_what_decodes_them() -> None:
    search = document()["paths"]["/api/v1/collections/{name}/search/"]["post"]
    schema = search["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/SearchRequest"}
    described = document()["components"]["schemas"]["SearchRequest"]
    assert described["additionalProperties"] is False
    assert described["properties"]["top_k"]["type"] == "integer"
