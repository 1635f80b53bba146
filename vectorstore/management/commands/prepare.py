"""Everything a start needs, in one process: starting Python with all its imports three times takes seconds."""

import socket
import time
from typing import Any

from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from vectorstore.config.settings import current
from vectorstore.domain.errors import VectorStoreError
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service.engines import engine_of

_WAIT_S = 20.0


class Command(BaseCommand):
    help = "Makes this installation ready to serve: migrations, the first administrator, the engine, the demo."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("ensure_admin", stdout=self.stdout)
        self._wait_for_milvus()
        self._meet_redis()
        try:
            self._ask_engine()
            if current().demo:
                call_command("load_demo", stdout=self.stdout)
        except (CommandError, VectorStoreError) as error:  # the product is of use without, and says so itself
            self.stderr.write(f"Going on without Milvus or the demo: {error}")

    def _ask_engine(self) -> None:
        """What an engine of a new version can do takes seconds to find out: better now than in a first request."""
        self.stdout.write("Asking Milvus what it can do (seconds, once for each version)")
        self.stdout.flush()
        self.stdout.write(f"Milvus is {engine_of().capabilities.version}.")

    def _meet_redis(self) -> None:
        """One that is new makes all reads strong for ten seconds from the first on: they begin now."""
        ends = time.monotonic() + 1.0
        while shared_state().access_version() is None and time.monotonic() < ends:
            time.sleep(0.1)

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
