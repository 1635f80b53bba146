"""``manage.py audit_verify``: whether the audit log is what was written."""

import dataclasses
import json
import sys
import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from vectorstore.audit import guard
from vectorstore.audit.archive import verify_archive
from vectorstore.audit.verify import verify

_PATIENCE_S = 2.0


class Command(BaseCommand):
    help = (
        "Verifies the audit log. Exits with 0: intact, 2: altered, 3: records are missing in between, "
        "4: a checkpoint is bad, 5: records are missing at the end."
    )
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--archive", type=Path, metavar="FILE", help="verify this archive instead")
        parser.add_argument("--checkpoints", type=Path, metavar="FILE", help="checkpoints that were kept elsewhere")
        parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")

    def handle(self, **options):
        self._told_at = time.monotonic()
        for name in ("archive", "checkpoints"):
            if options[name] is not None and not options[name].is_file():
                raise CommandError(f"There is no file {options[name]}.")
        if options["archive"] is not None:
            verdict = verify_archive(options["archive"])
        else:
            verdict = verify(options["checkpoints"], self._progress)
            if not guard.installed(connection):
                self.stderr.write("The database does not guard the table: its triggers are missing.")
        if options["json"]:
            self.stdout.write(json.dumps({**dataclasses.asdict(verdict), "intact": verdict.intact}))
        else:
            self._say(verdict)
        sys.exit(verdict.kind.exit_code)

    def _say(self, verdict):
        detail = f": {verdict.detail}" if verdict.detail else ""
        if verdict.intact:
            self.stdout.write(f"intact, {verdict.records} records{detail}")
        else:
            self.stdout.write(f"{verdict.kind}, first bad record {verdict.first_bad_seq}{detail}")

    def _progress(self, done, total):
        if time.monotonic() - self._told_at > _PATIENCE_S:
            self._told_at = time.monotonic()
            self.stderr.write(f"{done} of {total} records verified")
