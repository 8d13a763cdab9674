"""Memory: what all decodes of a process hold together stays within its budget."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from sketchzoo.images import GivenUpError, ImageError, ImageLimits, decode
from sketchzoo.images._limits import Watch
from sketchzoo.images._memory import BUDGET, Budget
from sketchzoo.images._take_apart import take_apart
from tests.unit.sketchzoo.pictures import saved

MIB = 1024 * 1024
LIMITS = ImageLimits(max_memory_bytes=100 * MIB)


def hold(
    budget: Budget, size: int, inside: Callable[[], object], watch: Watch | None = None
) -> None:
    """Hold some bytes while something is done."""
    with budget.hold(size, LIMITS, watch or Watch(10)):
        inside()


def test_large_images_wait_for_each_other() -> None:
    """However many threads, no more is held at once than the budget has."""
    budget = Budget()
    lock = threading.Lock()
    held = most = 0

    def use(size: int) -> None:
        nonlocal held, most

        def inside() -> None:
            nonlocal held, most
            with lock:
                held += size
                most = max(most, held)
            threading.Event().wait(0.001)
            with lock:
                held -= size

        hold(budget, size, inside)

    sizes = [int(size) * MIB for size in np.random.default_rng(0).integers(10, 101, 60)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, sizes))
    assert 0 < most <= LIMITS.max_memory_bytes
    assert held == 0


def test_who_comes_first_is_served_first() -> None:
    """A large image is not passed by smaller ones for ever."""
    budget = Budget()
    order: list[str] = []
    begun, end = threading.Event(), threading.Event()

    def first() -> None:
        hold(budget, 60 * MIB, lambda: (begun.set(), end.wait(10)))

    threads = [threading.Thread(target=first)]
    threads[0].start()
    begun.wait(10)
    for size, name in ((80 * MIB, "large"), (10 * MIB, "less")):
        before = len(budget._waiting)
        inside = lambda name=name: order.append(name)  # noqa: E731 - bound at once
        threads.append(threading.Thread(target=hold, args=(budget, size, inside)))
        threads[-1].start()
        while len(budget._waiting) == before:
            threading.Event().wait(0.001)
    end.set()
    for thread in threads:
        thread.join(10)
    assert order == ["large", "less"]


def test_a_small_image_never_waits() -> None:
    """Sketches and thumbnails are gone in a moment: a search does not wait for a camera's file."""
    budget = Budget()
    done: list[int] = []
    hold(budget, 100 * MIB, lambda: hold(budget, MIB, lambda: done.append(1)))
    assert done == [1]


def test_waiting_is_given_up_with_its_image() -> None:
    """Nobody wants it any more: its place in the queue is free."""
    budget = Budget()

    def inside() -> None:
        with pytest.raises(GivenUpError):
            hold(budget, 50 * MIB, lambda: None, Watch(10, lambda: True))

    hold(budget, 100 * MIB, inside)
    assert not budget._waiting
    hold(budget, 100 * MIB, lambda: None)


def test_what_is_held_is_given_back_by_a_failed_decode() -> None:
    """Damage, or a decoder's error, leaves nothing behind."""
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), dtype=np.uint8)
    content = saved("PNG", Image.fromarray(noise), compress_level=0)
    for _ in range(3):
        with pytest.raises(ImageError):
            decode(content[: len(content) // 2])
    assert BUDGET.held == 0
    assert decode(content).size == (1200, 1200)
    assert BUDGET.held == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "HEIF", "AVIF", "WEBP", "BMP", "GIF"])
def test_what_needs_too_much_is_refused_by_the_one_setting(form: str) -> None:
    """Before any pixel is unpacked, with what would be needed; a reduced JPEG needs little."""
    content = saved(form, Image.new("RGB", (1600, 1200), "red"))
    little = ImageLimits(max_memory_bytes=2 * MIB)
    with pytest.raises(ImageError, match="max_memory_bytes allows 2 MiB") as refused:
        decode(content, little)
    assert refused.value.reason == "too_large"
    if form == "JPEG":
        assert decode(content, little, enough=300).size == (400, 300)


def test_a_progressive_jpegs_coefficients_count() -> None:
    """Its decoder holds them all, at whatever scale: two bytes each, of every colour."""
    image = Image.new("RGB", (1600, 1200), "red")
    little = ImageLimits(max_memory_bytes=8 * MIB)
    assert decode(saved("JPEG", image), little, enough=300).size == (400, 300)
    halved = saved("JPEG", image, progressive=True)
    assert decode(halved, little, enough=300).size == (400, 300)
    full = saved("JPEG", image, progressive=True, subsampling=0)
    with pytest.raises(ImageError, match="about 12 MiB"):
        decode(full, little, enough=300)


def test_a_file_is_not_copied_to_be_decoded() -> None:
    """Megabytes behind a photo, a film for instance, are not touched; pieces are views."""
    content = saved("JPEG") + bytes(10 * MIB)
    for file in (content, saved("PNG", compress_level=0)):
        pieces = take_apart(file, Watch(10)).pieces
        copied = sum(len(piece) for piece in pieces if isinstance(piece, bytes))
        assert copied < 2000
