"""One machine, as ``make run`` starts it: loopback, TLS if wanted, a secret key kept in the data folder."""

from project.settings.base import *
from project.settings.base import env
from vectorstore.config.kept_key import kept_key

DEBUG = env.debug
SECRET_KEY = env.secret_key or kept_key(env.data_dir / "secret_key")
ALLOWED_HOSTS = [*env.allowed_hosts, "localhost", "127.0.0.1", "[::1]"]

# Files are served from the packages that hold them, so that nothing has to be collected first.
WHITENOISE_USE_FINDERS = True

if env.tls_certificate:
    SECURE_HSTS_SECONDS = env.hsts_seconds
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
