"""``manage.py audit_guard --role NAME``: SQL for a PostgreSQL role that can only add audit records."""

from django.core.management.base import BaseCommand

from vectorstore.audit.guard import revoke_statements


class Command(BaseCommand):
    help = "Prints the SQL that leaves a PostgreSQL role no right on the audit log but to read it and to add to it."
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--role", required=True, help="the role that the gateway connects as")

    def handle(self, role, **options):
        self.stdout.write(revoke_statements(role), ending="")
