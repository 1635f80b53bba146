"""The one Django app of the product."""

from django.apps import AppConfig


class VectorstoreConfig(AppConfig):
    name = "vectorstore"
    verbose_name = "Vectorstore"
    default_auto_field = "django.db.models.BigAutoField"
