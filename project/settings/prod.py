"""Behind TLS, on machines of one's own. Starts only if nothing unsafe was left in the configuration."""

from project.settings.base import *
from project.settings.base import DATABASES, env
from project.settings.refusals import refuse_unsafe
from vectorstore.config.settings import BASE_DIR

DEBUG = env.debug

SECURE_SSL_REDIRECT = env.ssl_redirect
SECURE_REDIRECT_EXEMPT = [r"^(livez|readyz|metrics)$"]  # asked from inside, without TLS
SECURE_HSTS_SECONDS = env.hsts_seconds
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
if env.behind_tls_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
STATIC_ROOT = BASE_DIR / "staticfiles"  # filled when the image is built

refuse_unsafe(env, debug=DEBUG, databases=DATABASES)
