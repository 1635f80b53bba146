"""Everything a start needs, in one process: starting Python with all its imports three times takes seconds."""

import socket
import time
from typing import Any

from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

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
        self._wait_for_milvus()
        try:
            call_command("load_demo", stdout=self.stdout)
        except (CommandError, VectorStoreError) as error:
            self.stderr.write(f"Going on without the demo: {error}")

    def _wait_for_milvus(self) -> None:
        """An engine that starts together with this command needs some seconds until it can be reached."""
        address = (current().milvus_host, current().milvus_port)
        ends = time.monotonic() + _WAIT_S
        while time.monotonic() < ends:
            try:
                socket.create_connection(address, timeout=2).close()
                return
            except OSError:
                time.sleep(0.2)
