"""An HTTP proxy on loopback that alters answers: a store that keeps other bytes than it was sent."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

Alter = Callable[[str, dict[str, str], bytes], bytes]
"""Takes the method, the headers of the answer (which it may change) and the body; gives the body."""

_DROPPED = ("connection", "transfer-encoding", "date", "server")


@contextlib.contextmanager
def altering(target: str, alter: Alter) -> Iterator[str]:
    """The address of a proxy to ``target``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "expect")}
            answer = httpx.request(self.command, target + self.path, content=body, headers=headers)
            found = {name: value for name, value in answer.headers.items() if name.lower() not in _DROPPED}
            content = alter(self.command, found, answer.content)
            self.send_response(answer.status_code)
            for name, value in found.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_DELETE = do_PUT

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
