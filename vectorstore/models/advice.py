"""Advice about the index of a field, as the last sweep of it measured."""

from django.db import models


class IndexAdvice(models.Model):
    """``points`` are ``domain.advice.Point`` as plain data; ``front``, ``recommended`` and ``today`` are places in it.

    ``rows`` is how many the collection had, ``sample`` how many were indexed. ``skipped`` names what was not measured,
    each with the reason.
    """

    uid = models.CharField(max_length=32)
    field = models.CharField(max_length=255)
    metric = models.CharField(max_length=16)
    dimension = models.PositiveIntegerField()
    rows = models.BigIntegerField()
    sample = models.PositiveIntegerField()
    queries = models.PositiveIntegerField()
    recall_target = models.FloatField()
    memory_budget_mb = models.FloatField(null=True, blank=True)
    points = models.JSONField(default=list)
    front = models.JSONField(default=list)
    recommended = models.PositiveIntegerField(null=True, blank=True)
    today = models.PositiveIntegerField(null=True, blank=True)
    meets_recall = models.BooleanField(default=False)
    meets_budget = models.BooleanField(default=False)
    reasons = models.JSONField(default=list)
    skipped = models.JSONField(default=list, blank=True)
    engine = models.CharField(max_length=64)
    made_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "index advice"
        verbose_name_plural = "index advice"
        ordering = ("-made_at",)
        constraints = (models.UniqueConstraint(fields=("uid", "field"), name="one_advice_per_field"),)

    def __str__(self) -> str:
        return f"{self.uid}.{self.field}"
