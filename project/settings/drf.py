"""REST framework, its tokens and its OpenAPI document."""

from datetime import timedelta
from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "vectorstore.api.authentication.TokenAuthentication",
        "vectorstore.api.authentication.ApiKeyAuthentication",
        "vectorstore.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["vectorstore.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "vectorstore.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "vectorstore.api.openapi.Schema",
    "EXCEPTION_HANDLER": "vectorstore.api.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
}

# Rotation and revocation are ours (``vectorstore.access.token_families``), and so are keys and what is checked
# (``vectorstore.api.token_backend``): without a key here the library's own backend neither signs nor verifies.
SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": timedelta(hours=24),
    "ALGORITHM": "EdDSA",
    "SIGNING_KEY": None,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Vectorstore",
    "DESCRIPTION": "Console and data gateway for the Milvus vector database.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [],  # enumerations are components already
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    # The files of Swagger UI come from this server, never from a content network.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
