"""Memory: what decoding an image takes, and the budget that all decodes share.

It is a process's, or where several answer on one port their group's.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sketchzoo.counts import Counts
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
_LOOK_BESIDE_SECONDS = 0.005
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
        self.share(Counts())

    def share(self, counts: Counts) -> None:
        """Hold from now on what all processes that count together may hold; none waits now."""
        self._held = counts.count("decoding")
        self._turns = counts.turns("decode_queue")
        self._changed = threading.Condition()
        self._waiting: deque[int] = deque()

    @property
    def held(self) -> int:
        """How many bytes the threads of this process hold."""
        return self._held.here

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
                self._held.add(-size)
                self._changed.notify_all()

    def _take(self, size: int, most: int, watch: Watch) -> None:
        with self._changed:
            came = time.monotonic_ns()
            self._waiting.append(came)
            try:
                while not self._taken(came, size, most):
                    # No other process tells when it is done.
                    soon = _LOOK_BESIDE_SECONDS if self._held.elsewhere else _LOOK_SECONDS
                    self._changed.wait(soon)
                    watch.check()
            finally:
                self._waiting.remove(came)
                self._turns.done()  # whoever is first from now on waits anew
                self._changed.notify_all()

    def _taken(self, came: int, size: int, most: int) -> bool:
        if self._waiting[0] != came:
            return False
        self._turns.wait(came)
        if not self._turns.is_ours():
            return False
        # Told before it is looked: two processes that take the last bytes see each other.
        self._held.add(size)
        if self._held.total > most:
            self._held.add(-size)
            return False
        return True


def _mib(size: int) -> int:
    return -(-size // (1024 * 1024))


BUDGET = Budget()
# Whoever forks leaves the child no thread that could give back what is held.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: BUDGET.share(Counts()))


def share_memory(counts: Counts) -> None:
    """Let a group's processes hold together what one may hold; before anything is decoded."""
    BUDGET.share(counts)
