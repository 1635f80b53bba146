"""A TCP proxy that keeps every byte that passes, for tests of what can be read on the way."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Recording:
    """``sent`` is what clients sent through the proxy at ``port``, ``answered`` what came back."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._sent = bytearray()
        self._answered = bytearray()
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def sent(self) -> bytes:
        with self._lock:
            return bytes(self._sent)

    @property
    def answered(self) -> bytes:
        with self._lock:
            return bytes(self._answered)

    def close(self) -> None:
        """Nobody is served any more, and nobody is left hanging."""
        with self._lock:
            for end in (self._server, *self._open):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._server.accept()[0]
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._open += [client, server]
                for source, sink, kept in ((client, server, self._sent), (server, client, self._answered)):
                    threading.Thread(target=self._pass, args=(source, sink, kept), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    kept += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def recording(target: int) -> Iterator[Recording]:
    """A proxy on loopback to ``target``, a port on loopback."""
    proxy = Recording(target)
    try:
        yield proxy
    finally:
        proxy.close()
