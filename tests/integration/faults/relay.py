"""A TCP relay between two parts, that can hold bytes back or lose a connection silently."""

import socket
import threading
from types import TracebackType
from typing import Self

_CHUNK = 65536


class Relay:
    """Listens on a free port and passes bytes to `target` while the context is open.

    `hold` keeps what comes, on connections that stay open: a network that stalls. `lose`
    drops whatever comes on the connections there are, without closing them, as a firewall
    does that has forgotten them; new ones pass: half-open connections. `fall_silent` does so
    to new ones too, until `speak`: a machine that is gone, and back with no memory of them.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._lost: set[socket.socket] = set()
        self._silent = False
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flows.set()
        for each in [self._listener, *self._open]:
            each.close()

    def hold(self) -> None:
        """Let no byte pass until `release`."""
        self._flows.clear()

    def release(self) -> None:
        """Let what was held, and all that comes, pass."""
        self._flows.set()

    def lose(self) -> None:
        """Forget the connections that are open now."""
        self._lost |= set(self._open)

    def fall_silent(self) -> None:
        """Accept connections, and forget them like the ones that are open now."""
        self._silent = True
        self.lose()

    def speak(self) -> None:
        """Let new connections pass; those from before stay forgotten."""
        self._silent = False

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                if self._listener.fileno() < 0:
                    return
                continue
            self._open += [near, far]
            if self._silent:
                self._lost |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(_CHUNK):
                self._flows.wait()
                if source not in self._lost:
                    sink.sendall(data)
            if source not in self._lost:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
