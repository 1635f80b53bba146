"""What ``VECTORSTORE_HTTP_PORT`` serves beside HTTPS: the way there, for the names this server is called by."""

import os
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.encoding import iri_to_uri

from vectorstore.config.settings import current

os.environ.setdefault("DJANGO_SETTINGS_MODULE", current().django_settings_module)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """308 to the same path and query by HTTPS, so that a method and its body are sent again; 400 to other names."""
    host = split_domain_port(environ.get("HTTP_HOST", ""))[0]
    if not host or not validate_host(host, settings.ALLOWED_HOSTS):
        start_response("400 Bad Request", [("Content-Length", "0")])
        return []
    port = "" if current().port == 443 else f":{current().port}"
    path = quote(environ.get("PATH_INFO", "/").encode("latin-1"), safe="/:@!$&'()*+,;=~")
    query = environ.get("QUERY_STRING", "")
    address = f"https://{host}{port}{path}" + (f"?{iri_to_uri(query)}" if query else "")
    start_response("308 Permanent Redirect", [("Location", address), ("Content-Length", "0")])
    return []
