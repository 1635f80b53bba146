"""Calls to the API of a running stack, by its admin."""

import json
import secrets
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.stack import RunningStack

_ENDED = ("succeeded", "failed", "cancelled")
_GONE = (OSError, ValueError)


class Console:
    """The API of a stack whose processes come and go: a call is repeated until it is answered."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._token = ""

    def call(self, path: str, body: Any = None, seconds: float = 120) -> Any:
        ends = time.monotonic() + seconds
        while True:
            try:
                if not self._token:
                    self._token = self._stack.token()
                return self._stack.call(f"/api/v1/{path}", body, self._token)
            except urllib.error.HTTPError as error:
                with error:
                    told = error.read().decode()
                if error.code == 401:
                    self._token = ""
                elif error.code not in (502, 503, 504) or time.monotonic() > ends:
                    raise AssertionError(f"{path}: {error.code} {told}") from None
            except _GONE:
                if time.monotonic() > ends:
                    raise
            time.sleep(0.3)

    def upload(self, name: str, file: Path, **fields: str) -> Any:
        """Start an import; repeated with one key until it is answered, so that it is started once."""
        edge, key = secrets.token_hex(16), secrets.token_hex(16)
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
            for field, value in fields.items()
        ]
        parts.append(
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'.encode()
            + file.read_bytes()
            + f"\r\n--{edge}--\r\n".encode()
        )
        data = b"".join(parts)
        while True:
            request = urllib.request.Request(f"{self._stack.origin}/api/v1/collections/{name}/import/", data)
            request.add_header("Content-Type", f"multipart/form-data; boundary={edge}")
            request.add_header("Idempotency-Key", key)
            try:
                request.add_header("Authorization", f"Bearer {self._stack.token()}")
                with self._stack.opener.open(request, timeout=60) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    told = error.read().decode()
                if error.code not in (401, 409, 502, 503, 504):
                    raise AssertionError(told) from None
            except _GONE:
                pass
            time.sleep(0.3)

    def wait(self, job: int, seconds: float = 240) -> dict[str, Any]:
        """The job once it has succeeded; one that failed for want of Milvus or the like is taken up again."""
        ends = time.monotonic() + seconds
        while True:
            found: dict[str, Any] = self.call(f"jobs/{job}/")
            if found["state"] == "succeeded":
                return found
            if found["state"] in _ENDED:
                assert found["error"]["code"] in (
                    "engine_unavailable",
                    "outcome_unknown",
                    "writes_held",
                    "overloaded",
                ), found
                self.call(f"jobs/{job}/retry/", {})
            assert time.monotonic() < ends, found
            time.sleep(0.3)
