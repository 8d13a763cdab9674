"""A caller that holds what it takes: calls by raw HTTP/2, as no well-behaved client makes them."""

import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

import h2.connection
import h2.events
import h2.exceptions
import h2.settings

# Another address of this machine's; where there is none, ours.
STRANGER = "127.0.0.2"
_CHUNK = 16_384


class Holder:
    """One connection whose calls are never finished; acknowledges what HTTP/2 asks for.

    With `reads` False its windows are shut: no byte of an answer can reach it.
    """

    def __init__(self, port: int, *, reads: bool = True, source: str = STRANGER) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
        self._socket.settimeout(0.01)
        self._h2 = h2.connection.H2Connection()
        self._h2.initiate_connection()
        if not reads:
            self._h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        self._lock = threading.Lock()
        self._closing = False
        self._pending: dict[int, int] = {}
        self.opened: list[int] = []
        # By stream: its trailers' grpc-status, or "reset" where it was reset.
        self.ended: dict[int, str] = {}
        self.details: dict[int, str] = {}
        self.closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._thread.join()
        self._socket.close()

    def call(self, path: str, size: int | None = 0) -> int:
        """Begin a call; of a message of `size` bytes its last 100 are never sent.

        A size of 0 sends a whole, empty message; None sends no message at all.
        """
        with self._lock:
            stream = self._h2.get_next_available_stream_id()
            head = [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", path),
                (":authority", "x"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
            ]
            self._h2.send_headers(stream, head)
            if size == 0:
                self._h2.send_data(stream, bytes(5), end_stream=True)
            elif size is not None:
                self._h2.send_data(stream, struct.pack(">BI", 0, size))
                self._pending[stream] = size - 100
            self.opened.append(stream)
        return stream

    @property
    def open(self) -> int:
        """How many of its calls have not ended."""
        return 0 if self.closed.is_set() else len(self.opened) - len(self.ended)

    def wait_ended(self, count: int, seconds: float = 20) -> None:
        """Wait until so many calls were ended by the server."""
        end = time.monotonic() + seconds
        while len(self.ended) < count and not self.closed.is_set():
            assert time.monotonic() < end, f"{len(self.ended)} of {count} calls ended"
            time.sleep(0.01)

    def _run(self) -> None:
        try:
            while not self._closing:
                with self._lock:
                    self._push()
                    outgoing = self._h2.data_to_send()
                self._socket.sendall(outgoing)
                try:
                    data = self._socket.recv(1 << 16)
                except TimeoutError:
                    continue
                if not data:
                    break
                with self._lock:
                    self._receive(data)
        except OSError:
            pass
        finally:
            self.closed.set()

    def _receive(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except h2.exceptions.ProtocolError:
            # h2 takes nothing more once it was told to go away; the socket stays open.
            self._pending.clear()

    def _push(self) -> None:
        for stream, left in list(self._pending.items()):
            room = min(left, _CHUNK, self._h2.local_flow_control_window(stream))
            if room > 0:
                self._h2.send_data(stream, bytes(room))
                self._pending[stream] -= room
            if not self._pending[stream]:
                del self._pending[stream]

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.TrailersReceived | h2.events.ResponseReceived):
            headers = {_text(name): _text(value) for name, value in event.headers or ()}
            if "grpc-status" in headers:
                self._end(event.stream_id, headers["grpc-status"], headers.get("grpc-message", ""))
        elif isinstance(event, h2.events.StreamReset):
            self._end(event.stream_id, "reset", "")

    def _end(self, stream: int | None, status: str, details: str) -> None:
        if stream is not None:
            self._pending.pop(stream, None)
            self.ended.setdefault(stream, status)
            self.details.setdefault(stream, details)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
