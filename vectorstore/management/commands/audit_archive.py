"""``manage.py audit_archive --before DATE``: move old audit records to a file."""

from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from vectorstore.audit.archive import archive
from vectorstore.domain.errors import VectorStoreError


def _time(text):
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = (
        "Moves the audit records up to the newest checkpoint before DATE to a file that verifies itself, "
        "and removes exactly these. manage.py audit_verify --archive FILE verifies it again."
    )
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--before", type=_time, required=True, metavar="DATE", help="such as 2026-01-31, in UTC")
        parser.add_argument("--to", type=Path, metavar="FOLDER", help="default: audit/archive in the data folder")

    def handle(self, before, to, **options):
        try:
            done = archive(before, to)
        except VectorStoreError as error:
            raise CommandError(error.detail) from error
        except OSError as error:
            raise CommandError(f"The archive cannot be written: {error.strerror}.") from error
        if done is None:
            self.stdout.write("There is no checkpoint before that date: nothing to archive.")
        else:
            self.stdout.write(f"records {done.first} to {done.last} are in {done.path}")
