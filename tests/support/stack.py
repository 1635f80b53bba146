"""The whole product as ``make run`` starts it, without the demo and with a data folder of its own."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from project.stack import free_port
from vectorstore.config.settings import BASE_DIR

PASSWORD = "password-of-the-stack-test"
_TAKEN = ("MILVUS_", "REDIS_URL", "DATABASE_URL", "VECTORSTORE_", "DJANGO_SETTINGS_MODULE")


class RunningStack:
    """``variables`` are settings; those of the surrounding environment do not count.

    With ``ca``, the path of an authority's certificate, it is called by HTTPS.
    """

    def __init__(self, folder: Path, ca: Path | None = None, **variables: str) -> None:
        self.port = free_port()
        self.origin = f"{'https' if ca else 'http'}://127.0.0.1:{self.port}"
        trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca))
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
        self.log = folder / "run.log"
        self.folder = folder / "data"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_TAKEN)}
        environment |= {
            "PORT": str(self.port),
            "VECTORSTORE_DATA_DIR": str(self.folder),
            "VECTORSTORE_ADMIN_PASSWORD": PASSWORD,
            "VECTORSTORE_DEMO": "false",
            **variables,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "project.stack"],
                cwd=BASE_DIR,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def call(self, path: str, body: Any = None, token: str = "", timeout: float = 30) -> Any:
        request = urllib.request.Request(f"{self.origin}{path}")
        request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        data = None if body is None else json.dumps(body).encode()
        with self.opener.open(request, data, timeout=timeout) as answer:
            return json.loads(answer.read())

    def wait_until_ready(self, seconds: float = 120) -> Any:
        ends = time.monotonic() + seconds
        while True:
            try:
                return self.call("/readyz")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(f"The stack did not start:\n{self.log.read_text()}") from None
                time.sleep(0.2)

    def token(self) -> str:
        return str(self.call("/api/v1/auth/token/", {"username": "admin", "password": PASSWORD})["access"])

    def left_over(self) -> list[str]:
        """Processes that carry this data folder in their environment."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if str(self.folder).encode() in entry.read_bytes():
                    found.append(entry.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def stop(self, number: int = signal.SIGINT) -> float:
        """Seconds until the supervisor was gone."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(40)
        return time.monotonic() - began


@contextlib.contextmanager
def running_stack(folder: Path, ca: Path | None = None, **variables: str) -> Iterator[RunningStack]:
    stack = RunningStack(folder, ca, **variables)
    try:
        yield stack
    finally:
        if stack.process.poll() is None:
            stack.stop(signal.SIGTERM)
