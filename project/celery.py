"""The Celery application; ``celery -A project`` finds it here."""

import os

from celery import Celery
from celery.signals import setup_logging

from vectorstore.config.settings import current

os.environ.setdefault("DJANGO_SETTINGS_MODULE", current().django_settings_module)
app = Celery("vectorstore")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**_: object) -> None:
    """A receiver is all it takes for Celery to leave the logging of the settings alone."""
