"""Everything a start needs, in one process: starting Python with all its imports three times takes seconds."""

import time
from typing import Any

from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from vectorstore.adapters.connection_pool import get_adapter
from vectorstore.config.settings import current
from vectorstore.domain.errors import VectorStoreError

_WAIT_S = 60.0


class Command(BaseCommand):
    help = "Makes this installation ready to serve: migrations, the first administrator, the demo collection."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("ensure_admin", stdout=self.stdout)
        if current().demo:
            self._demo()

    def _demo(self) -> None:
        """The product is of use without the demo, so what goes wrong here is only said."""
        try:
            self._wait_for_milvus()
            call_command("load_demo", stdout=self.stdout)
        except (CommandError, VectorStoreError) as error:
            self.stderr.write(f"Going on without the demo: {error}")

    def _wait_for_milvus(self) -> None:
        ends = time.monotonic() + _WAIT_S
        while True:
            try:
                get_adapter().version(timeout=2)
                return
            except VectorStoreError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.2)
