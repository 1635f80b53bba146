"""Logs go to standard output, one line a record; a record never carries bodies, tokens or filters."""

from vectorstore.config.settings import current

_env = current()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "vectorstore.monitoring.log_format.PlainFormatter"},
        "json": {"()": "vectorstore.monitoring.log_format.JsonFormatter"},
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": _env.log_format,
        },
    },
    "root": {"handlers": ["stdout"], "level": _env.log_level},
    "loggers": {
        # Django's own handlers would repeat each record, and mail errors to nobody.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},  # whoever scans the network would fill the log
        "axes": {"level": "WARNING"},  # four lines for each login, which the audit log has anyway
        # A line for each beat of each task says nothing; what tasks do they log themselves.
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},  # its INFO lines carry whole URLs
    },
}
