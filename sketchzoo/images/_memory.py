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
from sketchzoo.memory import give_back_freed

_SMALL = 4 * 1024 * 1024
"""What takes less waits for nobody and is not counted: it is gone in a moment."""
_LARGE = 32 * 1024 * 1024
"""What takes more goes back to the system before another begins."""
_LOOK_SECONDS = 0.02
_PIXEL = 4
"""Bytes of a pixel in Pillow's memory, but for grey and palettes."""
_HERE = {
    "BMP": 5,
    "PPM": 5,
    "PNG": 10,  # with a transparent colour: decoded, and laid on its ground
    "GIF": 16,  # the same, and what it does not paint
    "WEBP": 17,  # its decoder has two canvases, of which Pillow makes two copies
}
"""Bytes of a pixel, all of the picture."""
_APART = {
    "PNG": 5,
    "WEBP": 17,
    "TIFF": 9,  # decoded, and turned
    "HEIF": 5,  # its planes, and the colours of them
    "AVIF": 10,  # the same, copied by Pillow
}
"""Bytes of a pixel in a process of its own; measured on 48 megapixels, with some more."""
_SENT, _RECEIVED = 4, 12
"""Bytes of a pixel there while it sends, and of the reduced picture here while it arrives."""


def needed(container: Container, size: tuple[int, int], scale: int, *, apart: bool) -> int:
    """Return about how many bytes decoding an image takes, at one over `scale` of its size."""
    area = size[0] * size[1]
    reduced = (-(-size[0] // scale)) * (-(-size[1] // scale))
    if container.form == "JPEG":
        copies = 2  # decoded, and turned
        if bytes(container.pieces[-1][-2:]) != END_OF_JPEG:
            copies += 2  # compared with two others
        return _PIXEL * copies * reduced + container.coefficients
    if apart:
        area = max(area, container.area)
        return max(_APART[container.form] * area, _SENT * area + _RECEIVED * reduced)
    deep = container.transparent and container.layout[0] == 16  # noqa: PLR2004 - bits
    turned = _PIXEL if container.turn > 1 else 0
    return (_HERE[container.form] + turned + 20 * bool(deep)) * area


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
            if size >= _LARGE:
                give_back_freed()
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
