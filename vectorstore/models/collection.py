"""A collection on record."""

import uuid

from django.conf import settings
from django.db import models


def new_uid() -> str:
    return uuid.uuid4().hex


class CollectionRecord(models.Model):
    """What the product knows of a collection and Milvus does not keep.

    ``uid`` is its identity in the journal and in backups: it stays when the name changes.
    ``engine_id`` is Milvus's own number (0 on engines without one); ``generation`` moves with every change
    of the schema; ``auto_id`` says that the gateway mints ids; ``defaults`` maps fields to the values that
    rows without them get; ``embedding`` is an ``EmbeddingSpec`` as plain data. ``aside_at`` is when the gateway set it
    aside, to be dropped after some days.
    """

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    cluster = models.CharField(max_length=64, default="default")
    database = models.CharField(max_length=255, default="default")
    name = models.CharField(max_length=255)
    engine_id = models.BigIntegerField(default=0)
    description = models.TextField(blank=True)
    schema = models.JSONField(default=dict, blank=True)
    defaults = models.JSONField(default=dict, blank=True)
    auto_id = models.BooleanField(default=False)
    expected_rows = models.BigIntegerField(null=True, blank=True)
    replicas = models.PositiveSmallIntegerField(default=1)
    loaded = models.BooleanField(default=True, help_text="Whether it should be in memory; Milvus Lite forgets it.")
    protected = models.BooleanField(default=False, help_text="A protected collection cannot be dropped.")
    point_in_time = models.BooleanField(
        default=True, help_text="Whether its writes are journalled, so that it can be restored to any moment."
    )
    embedding = models.JSONField(null=True, blank=True)
    cache_enabled = models.BooleanField(default=True, help_text="Whether answers to searches are kept for a while.")
    cache_ttl_s = models.PositiveIntegerField(
        default=0, help_text="Seconds for which an answer is kept. 0: as VECTORSTORE_CACHE_TTL_S says."
    )
    aside_at = models.DateTimeField(null=True, blank=True, editable=False)
    generation = models.PositiveBigIntegerField(default=1)
    adopted = models.BooleanField(default=False, help_text="Found in Milvus, not made through this gateway.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="collections"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "collection"
        ordering = ("cluster", "database", "name")
        constraints = (
            models.UniqueConstraint(fields=("cluster", "database", "name"), name="one_record_per_collection"),
        )

    def __str__(self) -> str:
        return self.name
