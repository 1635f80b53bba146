"""What a page may load and do, by its path: the strict policy everywhere, and only what the exceptions need."""

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

_STRICT = {
    "default-src": [SELF],
    "object-src": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
    "form-action": [SELF],
}

CONTENT_SECURITY_POLICY = {"DIRECTIVES": _STRICT}

CONTENT_SECURITY_EXCEPTIONS = {
    # Alpine evaluates the expressions of Unfold's templates and sets styles.
    "/admin/": _STRICT | {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]},
    # Swagger UI sets styles, and its stylesheet holds its pictures.
    "/api/docs/": _STRICT | {"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]},
}

PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
