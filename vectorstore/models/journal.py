"""The index of the journal. Its frames are in segment files, which can be read without it."""

from django.db import models


class JournalHead(models.Model):
    """The one row that gives every entry its number and time. ``at`` never goes back."""

    seq = models.BigIntegerField(default=0)
    at = models.DateTimeField()
    timeline = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.timeline}/{self.seq}"


class JournalSegment(models.Model):
    """One segment file. ``name`` is its path below the journal's folder; ``writer`` the process that wrote it.

    ``sealed_at`` is null while its writer goes on; ``shipped_at`` while it is not on the backup storage.
    """

    name = models.CharField(max_length=128, unique=True)
    writer = models.CharField(max_length=64, db_index=True)
    timeline = models.PositiveIntegerField(default=1)
    first_seq = models.BigIntegerField(null=True, blank=True, db_index=True)
    last_seq = models.BigIntegerField(null=True, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    opened_at = models.DateTimeField(auto_now_add=True)
    sealed_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class JournalEntry(models.Model):
    """One write of one collection. ``op``: PUT, DEL, CLEAR, DEF, MARK.

    ``state`` is ``open`` until the engine has answered, then ``committed`` or ``aborted``; ``void`` has no frame.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    uid = models.CharField(max_length=32)
    op = models.CharField(max_length=8)
    rows = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=128, blank=True, db_index=True)
    origin = models.CharField(max_length=32, blank=True, help_text="The transfer that wrote it; empty for a request.")
    segment = models.ForeignKey(JournalSegment, on_delete=models.CASCADE, related_name="entries")
    offset = models.BigIntegerField()
    state = models.CharField(max_length=12, default="open")
    doubt = models.BooleanField(default=False, help_text="The engine's answer is not known; it is being sent again.")

    class Meta:
        ordering = ("seq",)
        indexes = (
            models.Index(fields=("uid", "seq"), name="journal_of_collection"),
            models.Index(fields=("uid",), name="journal_open", condition=models.Q(state="open")),
        )

    def __str__(self) -> str:
        return f"{self.seq} {self.op}"


class RestorePoint(models.Model):
    """A named moment of a collection."""

    uid = models.CharField(max_length=32, db_index=True)
    name = models.CharField(max_length=255)
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ("-seq",)
        constraints = (models.UniqueConstraint(fields=("uid", "name"), name="one_restore_point_per_name"),)

    def __str__(self) -> str:
        return self.name
