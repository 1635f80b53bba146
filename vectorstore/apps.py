"""The one Django app of the product."""

from django.apps import AppConfig


class VectorstoreConfig(AppConfig):
    name = "vectorstore"
    verbose_name = "Vectorstore"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from vectorstore.admin import sessions  # models can be imported only now
        from vectorstore.service import invalidation

        invalidation.connect()
        sessions.connect()
