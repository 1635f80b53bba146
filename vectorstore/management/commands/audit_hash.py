"""``manage.py audit_hash VALUE``: how a value that a filter compared with looks in the audit log."""

import sys

from django.core.management.base import BaseCommand

from vectorstore.audit.shape import digest


class Command(BaseCommand):
    help = "Prints the 16 hexadecimal digits by which the audit log knows a value."
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("value", help="the value, or - to read it from standard input")

    def handle(self, value, **options):
        if value == "-":
            value = sys.stdin.read().removesuffix("\n")
        self.stdout.write(digest(value))
