"""Requests made from the OpenAPI document, sensible and senseless: nothing breaks and the document tells the truth."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from project.wsgi import application
from tests.api.client import Api
from vectorstore.api.openapi import document

EXAMPLES = int(os.environ.get("VECTORSTORE_SCHEMATHESIS_EXAMPLES", "8"))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    missing_required_header,
    unsupported_method,
    ignored_auth,
)


def served(environ: dict[str, Any], start_response: Any) -> Any:
    """The application, without giving its connection back: that holds the transaction of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    return application(environ, start_response)


SCHEMA = schemathesis.openapi.from_dict(document())
SCHEMA.app = served
OPERATIONS = [(method, path) for path, methods in document()["paths"].items() for method in methods]


@pytest.fixture
def _left_as_found(lite_api: Api) -> Iterator[None]:
    aliases, names = _listed(lite_api, "aliases", "alias"), _listed(lite_api, "collections", "name")
    yield
    for alias in _listed(lite_api, "aliases", "alias") - aliases:
        lite_api.delete(f"aliases/{alias}/")
    for name in _listed(lite_api, "collections", "name") - names:
        lite_api.patch(f"collections/{name}/", {"protected": False})
        lite_api.delete(f"collections/{name}/")


def _listed(api: Api, resource: str, key: str) -> set[str]:
    return {item[key] for item in api.get(f"{resource}/?page_size=1000").json()["results"]}


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value.strip("/").replace("api/v1/", ""))
@pytest.mark.usefixtures("_left_as_found")
def test_no_request_breaks_an_operation_or_its_description(lite_api: Api, method: str, path: str) -> None:
    operation = SCHEMA[path][method.upper()]
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )
    lite_api.post("collections/", {"name": "fuzzed", "dimension": 4, "metric": "COSINE"})
    lite_api.post("collections/fuzzed/vectors/", {"vectors": [{"id": "a", "vector": [1, 2, 3, 4]}]})

    @seed(20260101)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, known=st.booleans())
    def run(case: schemathesis.Case, known: bool) -> None:
        mended = {ParameterLocation.HEADER}
        if known and "{name}" in path and "databases" not in path:
            case.path_parameters["name"] = "fuzzed"
            mended.add(ParameterLocation.PATH)
        case.headers.pop("Authorization", None)  # given apart, so that the check of authentication knows it as good
        assert case.meta is not None
        wrong = {place for place, part in case.meta.components.items() if part.mode is GenerationMode.NEGATIVE}
        checks = CHECKS if wrong - mended else [check for check in CHECKS if check is not negative_data_rejection]
        case.call_and_validate(checks=checks, headers=dict(lite_api.headers))

    run()
