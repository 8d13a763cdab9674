"""WebP without loss, decoded in a process of its own.

Its decoder is one call of C that takes what a file of some hundred kilobytes makes it take:
half a second and half a gigabyte. Nothing but the end of a process gives that up.
"""

import math
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO

from PIL import Image

from sketchzoo.image_limits import ImageLimits
from sketchzoo.images._limits import ImageError, Watch

LEAST_PIXELS = 512 * 512
"""Smaller ones take a tenth of a second at most, and less than to start a process."""
_LOOK_SECONDS = 0.05
_START_SECONDS = 1
_MEMORY_BYTES = 1024 * 1024 * 1024
_TOO_SLOW = (-24, -9)
"""How a process ends that had its time on a core: by SIGXCPU, or SIGKILL right after."""

# What is imported takes longer than most images: Pillow alone.
_PROGRAM = """
import io, sys
try:
    import resource
    for kind, limit in zip((resource.RLIMIT_CPU, resource.RLIMIT_AS), map(int, sys.argv[1:])):
        resource.setrlimit(kind, (limit, limit))
except (ImportError, OSError, ValueError):
    pass  # not every system has such limits
from PIL.WebPImagePlugin import WebPImageFile
image = WebPImageFile(io.BytesIO(sys.stdin.buffer.read()))
image.load()
sys.stdout.buffer.write(image.mode.encode().ljust(4) + image.tobytes())
"""


def load_apart(
    content: bytes, size: tuple[int, int], limits: ImageLimits, watch: Watch
) -> Image.Image:
    """Decode a WebP file of `size` pixels to RGB or RGBA.

    Raises:
        ImageError: damaged, or over the limits.
        GivenUpError: by `watch`.

    """
    seconds = math.ceil(limits.max_seconds) + _START_SECONDS
    command = [sys.executable, "-c", _PROGRAM, str(seconds), str(_MEMORY_BYTES)]
    with subprocess.Popen(  # noqa: S603 - our own program, and the file is no argument of it
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        sender = threading.Thread(target=_send, args=(process.stdin, content), daemon=True)
        process.stdin = None  # the sender's from here on
        sender.start()
        try:
            pixels = _receive(process, watch)
        finally:
            process.kill()
            sender.join()
    if process.returncode in _TOO_SLOW:
        raise ImageError(f"takes more than {limits.max_seconds:g} s to decode", "too_slow")
    if process.returncode != 0:
        raise ImageError("is damaged or truncated: its WebP data makes no sense", "truncated")
    return Image.frombytes(pixels[:4].decode().strip(), size, pixels[4:])


def _send(stream: IO[bytes], content: bytes) -> None:
    # A process that has ended takes nothing; its status tells why.
    with suppress(BrokenPipeError), stream:
        stream.write(content)


def _receive(process: "subprocess.Popen[bytes]", watch: Watch) -> bytes:
    while True:
        try:
            return process.communicate(timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            watch.check()
