"""A Milvus that this gateway serves."""

from django.db import models


class Cluster(models.Model):
    """How to reach a cluster, and what was found out about it.

    ``uri`` is ``http://host:port`` or ``https://host:port``; empty for ``default``, which is in the environment.
    ``password`` and ``client_key`` are ciphertexts of ``config.encryption``. ``ca_pem``, ``client_pem`` and
    ``client_key`` hold PEM text.
    """

    name = models.CharField(max_length=64, unique=True)
    uri = models.CharField(max_length=255, blank=True)
    user = models.CharField(max_length=255, blank=True)
    password = models.TextField(blank=True)
    ca_pem = models.TextField(blank=True)
    client_pem = models.TextField(blank=True)
    client_key = models.TextField(blank=True)
    server_name = models.CharField(max_length=255, blank=True)
    version = models.CharField(max_length=128, blank=True)
    capabilities = models.JSONField(default=dict, blank=True)
    probed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
