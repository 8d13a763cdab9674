"""Memory: what decoding an image takes, and the budget that all decodes of a process share."""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sketchzoo.image_limits import ImageLimits
from sketchzoo.images._container import Container
from sketchzoo.images._jpeg import END_OF_JPEG
from sketchzoo.images._limits import ImageError, Watch

_SMALL = 4 * 1024 * 1024
"""What takes less waits for nobody and is not counted: it is gone in a moment."""
_LOOK_SECONDS = 0.02
_PIXEL = 4
"""Bytes of a pixel in Pillow's memory, but for grey and palettes."""
_COPIES = {
    "JPEG": 2,  # decoded, and turned
    "PNG": 3,  # decoded, laid on its ground, turned
    "BMP": 3,
    "PPM": 3,
    "GIF": 4,
    "WEBP": 6,  # its decoder has two canvases, of which Pillow makes two copies
}
_APART = {
    "TIFF": 12,  # decoded, turned, by strips or tiles of any size
    "HEIF": 6,  # planes, and their colours
    "AVIF": 16,  # the same, which Pillow copies, and turns
}
"""Bytes of a pixel in a decoder's own process."""
_RECEIVED = 12
"""Bytes of a pixel that such a process hands over, of the reduced picture."""


def needed(container: Container, size: tuple[int, int], factor: int) -> int:
    """Return about how many bytes decoding an image takes, at one over `factor` of its size."""
    area = size[0] * size[1]
    reduced = (-(-size[0] // factor)) * (-(-size[1] // factor))
    if container.form in _APART:
        return _APART[container.form] * area + _RECEIVED * reduced
    copies = _COPIES[container.form]
    if container.form != "JPEG":
        deep = container.transparent and container.layout[0] == 16  # noqa: PLR2004 - bits
        return _PIXEL * (copies + 5 * bool(deep)) * area
    if bytes(container.pieces[-1][-2:]) != END_OF_JPEG:
        copies += 2  # compared with two others
    return _PIXEL * copies * reduced + container.coefficients


class Budget:
    """Bytes that are held by some threads at once; who comes first is served first.

    No thread holds twice, so that none waits for itself.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._held = 0
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def hold(self, size: int, limits: ImageLimits, watch: Watch) -> Iterator[None]:
        """Hold `size` bytes in the context, after waiting for those of others.

        Raises:
            ImageError: it is more than all may hold together.
            GivenUpError: by `watch`, while it waits.

        """
        most = limits.max_memory_bytes
        if size > most:
            raise ImageError(
                f"needs about {_mib(size)} MiB of memory to decode; max_memory_bytes allows "
                f"{_mib(most)} MiB",
                "too_large",
            )
        if size <= _SMALL:
            yield
            return
        self._take(size, most, watch)
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

    def _take(self, size: int, most: int, watch: Watch) -> None:
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                while self._waiting[0] is not turn or 0 < self._held > most - size:
                    self._changed.wait(_LOOK_SECONDS)
                    watch.check()
                self._held += size
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()


def _mib(size: int) -> int:
    return -(-size // (1024 * 1024))


BUDGET = Budget()
# Whoever forks leaves the child no thread that could give back what is held.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=BUDGET._reset)  # noqa: SLF001 - its own module
