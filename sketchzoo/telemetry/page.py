"""The page that Prometheus reads: `/metrics` over HTTP, from a few threads."""

import socket
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from sketchzoo.address import check_free
from sketchzoo.limits import caller

# Prometheus, its second replica and somebody with curl: each is answered in milliseconds.
_MOST_CONNECTIONS = 16
_MOST_EACH = 4
# For a request to come and its answer to be read.
_SECONDS = 5.0
# How soon what is late is cut off, and a stop is noticed.
_POLL_SECONDS = 0.1


class MetricsPage:
    """`/metrics` over HTTP in threads of its own, while the context is open.

    `port` None serves none; 0 takes a free port, which `port` then tells. Whoever connects is
    served: where there are too many connections, the oldest one is closed.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int | None) -> None:
        self._registry = registry
        self._host = host
        self.port = port

    def __enter__(self) -> Self:
        if self.port is not None:
            try:
                check_free(self._host, self.port)
                self._server = _Server(self._host, self.port, self._registry)
            except OSError as error:
                raise OSError(f"{error} (metrics)") from error
            self._thread = threading.Thread(
                target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True
            )
            self._thread.start()
            self.port = int(self._server.server_port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.port is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


class _Handler(WSGIRequestHandler):
    """Answers one request; says nothing of it on stderr."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Log nothing: Prometheus asks every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a connection, and no more threads than may be open at once."""

    daemon_threads = True
    # Whoever holds connections must not fill what waits to be accepted.
    request_queue_size = 128

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        self.address_family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self._free = threading.Semaphore(_MOST_CONNECTIONS)
        self._lock = threading.Lock()
        # The oldest first: since when it is open, and whose it is.
        self._open: OrderedDict[socket.socket, tuple[float, str]] = OrderedDict()
        super().__init__((str(address[0]), int(address[1])), _Handler)
        self.set_app(make_wsgi_app(registry))

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection its thread, in the place of the oldest where there are too many."""
        who = caller(str(client_address[0]))
        with self._lock:
            own = [each for each, (_, whose) in self._open.items() if whose == who]
            if len(own) >= _MOST_EACH:
                _cut(own[0])
            elif len(self._open) >= _MOST_CONNECTIONS:
                _cut(next(iter(self._open)))
        if not self._free.acquire(timeout=1.0):
            self.shutdown_request(request)
            return
        with self._lock:
            self._open[request] = (time.monotonic(), who)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)
            self._free.release()

    def service_actions(self) -> None:
        """Cut what is open for too long; asked at every poll."""
        late = time.monotonic() - _SECONDS
        with self._lock:
            for request, (since, _) in self._open.items():
                if since > late:
                    break
                _cut(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a caller who has left, or was cut off."""


def _cut(connection: socket.socket) -> None:
    """End a connection; its thread finds nothing more to read and closes it."""
    with suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
