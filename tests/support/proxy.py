"""A TCP proxy on loopback that keeps every byte that passes, and delays, holds back, cuts off and resets it."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

_RESET = struct.pack("ii", 1, 0)  # closing sends RST instead of FIN


class Proxy:
    """Between clients of ``port`` and a server on loopback. All is well until something is set."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._bytes_left: int | None = None
        self._sent = bytearray()
        self._answered = bytearray()
        self.delay = 0.0
        """Seconds that each piece of an answer takes longer."""
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def sent(self) -> bytes:
        """What clients sent."""
        with self._lock:
            return bytes(self._sent)

    @property
    def answered(self) -> bytes:
        """What the server answered."""
        with self._lock:
            return bytes(self._answered)

    def hold(self) -> None:
        """Nothing passes in either direction, and nobody is told: a black hole."""
        self._flowing.clear()

    def go_on(self) -> None:
        """All is well again; what was held back passes."""
        self._bytes_left, self.delay = None, 0.0
        self._flowing.set()

    def reset(self) -> None:
        """Every connection ends at once."""
        with self._lock:
            ends, self._open = self._open, []
        for end in ends:
            _reset(end)

    def reset_after(self, answered: int) -> None:
        """Every connection ends once that many more bytes of answers have passed."""
        self._bytes_left = answered

    def close(self) -> None:
        """Nobody is served any more, and nobody is left hanging."""
        self.go_on()
        self.reset()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._server.accept()[0]
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    _reset(client)
                    continue
                with self._lock:
                    self._open += [client, server]
                for source, sink, kept in ((client, server, self._sent), (server, client, self._answered)):
                    threading.Thread(target=self._pass, args=(source, sink, kept), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                if kept is self._answered:
                    time.sleep(self.delay)
                    data = self._cut(data)
                with self._lock:
                    kept += data
                sink.sendall(data)
                if self._bytes_left == 0:
                    self.reset()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _cut(self, data: bytes) -> bytes:
        with self._lock:
            if self._bytes_left is None:
                return data
            data = data[: self._bytes_left]
            self._bytes_left -= len(data)
            return data


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RD)  # wakes whoever reads from it
    end.close()


@contextlib.contextmanager
def proxy_to(target: int) -> Iterator[Proxy]:
    """A proxy to ``target``, a port on loopback."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
