"""Every secret that the database keeps as a ciphertext of ``config.encryption``."""

from django.db import models, transaction

from vectorstore.config.encryption import rotate
from vectorstore.models import Cluster, SigningKey

KEPT: tuple[tuple[type[models.Model], str], ...] = (
    (Cluster, "password"),
    (Cluster, "client_key"),
    (SigningKey, "private"),
)
"""Model and column. A new column with a secret is added here, or it dies with the key it was written under."""


def rotate_all() -> dict[str, int]:
    """Bring every kept secret under the first key, all or none; returns how many, by model and column.

    Raises:
        ImproperlyConfigured: one was encrypted with a key that is not configured.
    """
    done: dict[str, int] = {}
    with transaction.atomic():
        for model, column in KEPT:
            rows = model._default_manager.select_for_update().exclude(**{column: ""}).order_by("pk")
            ciphertexts = list(rows.values_list("pk", column))
            for key, ciphertext in ciphertexts:
                model._default_manager.filter(pk=key).update(**{column: rotate(ciphertext)})
            done[f"{model.__name__}.{column}"] = len(ciphertexts)
    return done
