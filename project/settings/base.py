"""What every environment shares."""

from typing import Any

import environ

from project.settings.celery import *
from project.settings.csp import *
from project.settings.drf import *
from project.settings.logging import *
from project.settings.security import *
from project.settings.unfold import *
from vectorstore.config.settings import BASE_DIR, current

env = current()

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",  # before django.contrib.admin, whose templates it replaces
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "axes",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_prometheus",
    "vectorstore",
]

MIDDLEWARE = [
    # First: the answers of all others pass through them too, and an answer replaced under /api/ starts without headers.
    "django.middleware.security.SecurityMiddleware",
    "project.content_security.ContentSecurityMiddleware",
    "vectorstore.api.middleware.RequestIdMiddleware",
    "vectorstore.monitoring.request_metrics.RequestMetricsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "project.console.ConsoleMiddleware",
]

CONSOLE_MIDDLEWARE = [
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "vectorstore.admin.sessions.UnavailableMiddleware",
    "axes.middleware.AxesMiddleware",
]
# They look for middlewares in the list above only. tests/project/test_console.py looks for them in this one.
SILENCED_SYSTEM_CHECKS = ["admin.E408", "admin.E409", "admin.E410", "axes.W002", "security.W003"]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def _database() -> dict[str, Any]:
    if env.database_url:
        return {
            **environ.Env.db_url_config(env.database_url),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
        }
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(env.data_dir / "vectorstore.sqlite3"),
        "CONN_MAX_AGE": None,  # to open it takes longer than what is asked of it in a search
        "OPTIONS": {
            "timeout": 20,
            # With the lock taken at BEGIN writers queue; a read that turns into a write would fail at once.
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


env.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
DATABASES = {"default": _database()}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.redis_url,
        "KEY_PREFIX": "vectorstore",
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"

DATA_UPLOAD_MAX_MEMORY_SIZE = env.max_body_bytes
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
PROMETHEUS_EXPORT_MIGRATIONS = False
