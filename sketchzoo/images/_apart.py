"""Decoding in a process of its own: of files whose decoder is one call of C.

WebP without loss, TIFF, HEIC and AVIF take what their file makes them take, in one call that
nothing interrupts, some of it under Python's lock. Nothing but the end of a process gives
that up, and a decoder that crashes takes no service with it. Large PNGs and JPEGs of several
scans go the same way for their memory, which leaves with its process.
"""

import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from PIL import Image

from sketchzoo.image_limits import ImageLimits
from sketchzoo.images._container import Container
from sketchzoo.images._decoder import NO_RANGE
from sketchzoo.images._jpeg import END_OF_JPEG
from sketchzoo.images._limits import ImageError, Watch

_LEAST_PIXELS = 512 * 512
"""WebPs of fewer take a tenth of a second at most, and less than to start a process."""
_MOST_HERE = 64 * 1024 * 1024
"""Bytes that decoding may take of a service's own memory: freed, they do not always leave it."""
_PNG_PIXEL, _WEBP_PIXEL = 5, 17
"""Bytes that a pixel takes while it is decoded."""
_DECODER = Path(__file__).with_name("_decoder.py")
_LOOK_SECONDS = 0.05
_START_SECONDS = 1
_BESIDE_BYTES = 768 * 1024 * 1024
"""Address space of an interpreter with Pillow and a decoder, before they hold an image."""
_TOO_SLOW = (-24, -9)
"""How a process ends that had its time on a core: by SIGXCPU, or SIGKILL right after."""


def goes_apart(container: Container, size: tuple[int, int]) -> bool:
    """Tell whether an image is decoded in a process of its own."""
    area = size[0] * size[1]
    match container.form:
        case "JPEG":
            whole = bytes(container.pieces[-1][-2:]) == END_OF_JPEG
            return whole and container.coefficients > _MOST_HERE
        case "PNG":
            return not container.transparent and _PNG_PIXEL * area > _MOST_HERE
        case "WEBP":
            return (container.lossless and area > _LEAST_PIXELS) or _WEBP_PIXEL * area > _MOST_HERE
        case _:
            return container.size is not None


def load_apart(container: Container, factor: int, limits: ImageLimits, watch: Watch) -> Image.Image:
    """Decode an image of no more than its `area` to grey, RGB or RGBA, at one over `factor`.

    Raises:
        ImageError: damaged, over the limits, or no process can be had for it.
        GivenUpError: by `watch`.

    """
    seconds = math.ceil(limits.max_seconds) + _START_SECONDS
    memory = _BESIDE_BYTES + limits.max_memory_bytes
    limits_told = [container.form, *map(str, (seconds, memory, container.area, factor))]
    with _started(limits_told) as process:
        pieces = container.pieces
        sender = threading.Thread(target=_send, args=(process.stdin, pieces), daemon=True)
        process.stdin = None  # the sender's from here on
        sender.start()
        try:
            answer = _receive(process, watch)
        finally:
            process.kill()
            sender.join()
    if process.returncode in _TOO_SLOW:
        raise ImageError(f"takes more than {limits.max_seconds:g} s to decode", "too_slow")
    if process.returncode == NO_RANGE:
        raise ImageError(
            "has numbers for pixels whose black and white are not known: save it in 8 or 16 bits",
            "not_an_image",
        )
    if process.returncode != 0:
        raise ImageError(
            f"is damaged or truncated: its {container.form} data makes no sense", "truncated"
        )
    head, _, _ = answer[:64].partition(b"\n")
    mode, width, height = head.decode().split()
    told = memoryview(answer)[len(head) + 1 :]
    return Image.frombytes(mode, (int(width), int(height)), told)


def _started(arguments: list[str]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 - our own program, and the file is no argument of it
            [sys.executable, "-P", str(_DECODER), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # What threads reserve of the address space, and do not use, would count as theirs.
            env={**os.environ, "MALLOC_ARENA_MAX": "1"},
        )
    except OSError as error:
        wanted = f"cannot be decoded here now, for want of a process: {error.strerror}"
        raise ImageError(wanted, "too_large") from error


def _send(stream: IO[bytes], pieces: Iterable[bytes | memoryview]) -> None:
    # A process that has ended takes nothing; its status tells why.
    with suppress(BrokenPipeError), stream:
        for piece in pieces:
            stream.write(piece)


def _receive(process: "subprocess.Popen[bytes]", watch: Watch) -> bytes:
    while True:
        try:
            return process.communicate(timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            watch.check()
