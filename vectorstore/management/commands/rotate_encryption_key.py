"""Bring the kept secrets under the first of the encryption keys."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from vectorstore.access.kept_secrets import rotate_all


class Command(BaseCommand):
    help = (
        "Encrypts every kept secret anew under the first key of VECTORSTORE_ENCRYPTION_KEYS, all or none. "
        "Put the new key first, restart every process, run this, then take the old key away."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = rotate_all()
        except ImproperlyConfigured as error:
            raise CommandError(f"Nothing was changed. {error}") from None
        for column, count in done.items():
            self.stdout.write(f"{column}: {count}")
        self.stdout.write(f"{sum(done.values())} secrets are under the first key.")
