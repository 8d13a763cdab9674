"""A web server with the faults that real ones have, on a free port of this machine."""

import io
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

HEADER = "url,class,author,licence,licence_url,source,sha256,bytes,crop\n"


def jpeg(shade: int = 90, size: tuple[int, int] = (320, 240)) -> bytes:
    """Return a JPEG that is long enough to be cut in pieces."""
    buffer = io.BytesIO()
    noise = Image.effect_noise(size, 80).point(lambda v: (v + shade) % 256)
    noise.convert("RGB").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


class Site:
    """What the server answers, by path; `hits` and `ranges` are what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler, int], None]] = {}
        self.hits: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.mutex = threading.Lock()
        self.url = ""

    def photo(self, path: str, content: bytes, *, etag: str = '"one"') -> str:
        """Serve a photo properly, ranges and all."""

        def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
            send(handler, content, etag=etag)

        self.answers[path] = answer
        return self.url + path


def send(handler: BaseHTTPRequestHandler, content: bytes, *, etag: str = '"one"') -> None:
    """Answer with a file, or the part that was asked for while the ETag holds."""
    asked, held = handler.headers.get("range"), handler.headers.get("if-range")
    begin = 0
    if asked and held in (None, etag):
        begin = int(asked.removeprefix("bytes=").rstrip("-"))
    if begin >= len(content):
        handler.send_response(416)
        handler.send_header("content-length", "0")
        handler.end_headers()
        return
    handler.send_response(206 if begin else 200)
    if begin:
        handler.send_header("content-range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
    if etag:
        handler.send_header("etag", etag)
    handler.send_header("content-length", str(len(content) - begin))
    handler.end_headers()
    handler.wfile.write(content[begin:])


def cut_short(handler: BaseHTTPRequestHandler, content: bytes, *, etag: str = '"one"') -> None:
    """Announce the whole file, send half of it and hang up."""
    handler.send_response(200)
    if etag:
        handler.send_header("etag", etag)
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.wfile.flush()
    handler.close_connection = True


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler, int], None]:
    """Return an answer of a status and headers alone."""

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def packed(
    content: bytes, encoding: str, length: int | None = None
) -> Callable[[BaseHTTPRequestHandler, int], None]:
    """Return an answer of a body and a content-encoding that nobody asked for."""

    def answer(handler: BaseHTTPRequestHandler, hit: int) -> None:
        handler.send_response(200)
        handler.send_header("etag", '"packed"')
        handler.send_header("content-encoding", encoding)
        handler.send_header("content-length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = length is not None

    return answer


@contextmanager
def a_site(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Serve a site until the block ends, by TLS if so."""
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with made.mutex:
                made.hits[self.path] += 1
                hit = made.hits[self.path]
                made.ranges.append(self.headers.get("range", ""))
                made.headers.append({k.lower(): v for k, v in self.headers.items()})
                made.at_once += 1
                made.most_at_once = max(made.most_at_once, made.at_once)
            try:
                made.answers.get(self.path, status(404))(self, hit)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                with made.mutex:
                    made.at_once -= 1

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True  # a client that left must not be waited for

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of clients that left."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def a_slow_server(behave: Callable[[socket.socket], object]) -> Iterator[int]:
    """Hand each connection of a port to `behave`, in threads; a client that leaves ends it."""

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            behave(connection)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
