"""A client that costs next to nothing: h2load (nghttp2, in C), Debian's `nghttp2-client`.

A client in Python takes a tenth of the cores that it shares with what it measures; this one
shows what the server itself can do. It posts one body again and again, a call at a time on
each connection, and knows nothing of gRPC: a call counts where its answer has the bytes that
a right one has.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_FRAME = 5
"""Bytes before a gRPC message: not compressed, and its length ("gRPC over HTTP2")."""


class LoadError(Exception):
    """Calls failed, or h2load said what nobody expected."""


@dataclass(frozen=True, slots=True)
class Post:
    """What is posted: where to, the body, its headers; `http1` speaks HTTP/1.1.

    An answer shorter than `least` bytes is a failed one.
    """

    url: str
    body: bytes
    headers: tuple[str, ...]
    least: int
    http1: bool = False


def grpc_post(target: str, method: str, message: bytes, least: int) -> Post:
    """Return a unary call of a serialised message, whose answer has `least` bytes or more."""
    body = b"\0" + len(message).to_bytes(4, "big") + message
    headers = ("content-type: application/grpc", "te: trailers")
    return Post(f"http://{target}{method}", body, headers, _FRAME + least)


def available() -> bool:
    """Tell whether h2load is installed."""
    return shutil.which("h2load") is not None


def rate(post: Post, callers: int, seconds: float) -> float:
    """Post with `callers` at once, after a second of warming; return answers a second.

    Raises:
        LoadError: calls failed, or were answered with less than they should be.

    """
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body"
        body.write_bytes(post.body)
        headers = [f"--header={header}" for header in post.headers]
        said = subprocess.run(
            [
                shutil.which("h2load") or "h2load",
                f"--clients={callers}",
                "--max-concurrent-streams=1",
                f"--duration={max(1, round(seconds))}",
                "--warm-up-time=1",
                f"--data={body}",
                *headers,
                *(["--h1"] if post.http1 else []),
                post.url,
            ],
            check=True,
            text=True,
            capture_output=True,
            timeout=seconds + 30,
        ).stdout
    return answers_per_second(said, post.least)


def answers_per_second(said: str, least: int) -> float:
    """Return what h2load's report says, once it is seen that every answer is a right one."""
    finished = re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", said)
    requests = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", said)
    traffic = re.search(r"\((\d+)\) data", said)
    if not (finished and requests and traffic):
        raise LoadError(f"h2load reported: {said[-500:]}")
    done, succeeded, failed, errored = (int(number) for number in requests.groups())
    if failed or errored or succeeded != done or not done:
        raise LoadError(f"of {done} calls {succeeded} were answered with a status of 2xx")
    if int(traffic[1]) < done * least:
        raise LoadError(f"{done} answers had {traffic[1]} bytes, fewer than {least} each")
    return float(finished[1])
