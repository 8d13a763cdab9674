"""Decoding that is given up: when its time is over, or nobody wants it."""

import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from sketchzoo.images import FORMATS, GivenUpError, ImageError, ImageLimits, decode, measure
from sketchzoo.images import _apart as apart_process
from tests.hostile_images import HOSTILE, jpeg_of_scans
from tests.unit.sketchzoo.pictures import drawing, farthest, saved

SOON_SECONDS = 1.0
# Decoded in a process of their own: what is asked there is a matter of time.
APART = {"TIFF", "HEIF", "AVIF"}
# What all that is hostile must be given up for, long before its end.
LITTLE = ImageLimits(max_seconds=0.05)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_takes_longer_than_it_may(name: str) -> None:
    """Over its time it is refused, unwanted it is given up; both soon, in this very thread."""
    content = HOSTILE[name]()
    for limits, unwanted in ((LITTLE, None), (ImageLimits(max_seconds=1e6), lambda: True)):
        start = time.thread_time()
        with suppress(GivenUpError, ImageError):
            decode(content, limits, unwanted)
        assert time.thread_time() - start < SOON_SECONDS


@pytest.mark.parametrize("form", [*sorted(set(FORMATS) - APART), "plain"])
def test_giving_up_goes_through_every_decoder(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a decode stands, giving it up or ending its time is never taken for damage."""
    monkeypatch.setattr("sketchzoo.images._limits._LOOK_SECONDS", 0.0)
    content = b"P2 8 8 255\n" + b"7 " * 64 if form == "plain" else saved(form)
    if form == "JPEG":
        content = jpeg_of_scans(3, side=32)
    looks = 0

    def count() -> bool:
        nonlocal looks
        looks += 1
        return False

    decode(content, unwanted=count)
    assert looks > 0
    for last in range(looks):
        left = iter([False] * last)
        with pytest.raises(GivenUpError):
            decode(content, unwanted=lambda left=left: next(left, True))
    with pytest.raises(ImageError) as refused:
        decode(content, ImageLimits(max_seconds=1e-9))
    assert refused.value.reason == "too_slow"


def test_a_jpeg_of_too_many_scans_is_refused_by_its_outline() -> None:
    """Each scan is a pass over all pixels: no tool writes hundreds."""
    content = jpeg_of_scans(2000)
    for look in (decode, measure):
        with pytest.raises(ImageError, match="2006 scans; at most 100") as refused:
            look(content)
        assert refused.value.reason == "too_slow"
    assert decode(jpeg_of_scans(60, side=256)).size == (256, 256)


def test_marks_in_what_follows_a_jpeg_are_no_scans() -> None:
    """A phone's film or a second image behind the first one counts for nothing."""
    content = saved("JPEG") + b"\xff\xda" * 1000
    assert decode(content).size == drawing().size


@pytest.fixture(scope="module")
def lossless() -> bytes:
    """Write a WebP without loss that is decoded in a process of its own."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((700, 500), Image.Resampling.BICUBIC)
    return saved("WEBP", image, lossless=True, method=0)


def test_a_large_webp_without_loss_is_decoded_as_any_other(
    lossless: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apart or here, the same pixels; damage is told as damage."""
    apart = decode(lossless)
    with pytest.raises(ImageError) as refused:
        decode(lossless[:-100] + bytes(100))
    assert refused.value.reason == "truncated"
    monkeypatch.setattr("sketchzoo.images._decode.LEAST_PIXELS", 10**9)
    assert farthest(apart, decode(lossless)) == 0


@pytest.mark.parametrize("how", ["unwanted", "too slow"])
def test_a_process_that_decodes_ends_with_its_decode(
    how: str, lossless: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that would never end is killed, whether nobody wants it or it had its time."""
    others = set(psutil.Process().children())
    monkeypatch.setattr("sketchzoo.images._apart._START_SECONDS", 0)
    stuck = tmp_path / "stuck.py"
    program = apart_process._DECODER.read_text()
    stuck.write_text(program.replace("content = sys", "while True: pass\n    content = sys"))
    monkeypatch.setattr("sketchzoo.images._apart._DECODER", stuck)
    if how == "unwanted":
        begun = time.monotonic()
        with pytest.raises(GivenUpError):
            decode(lossless, unwanted=lambda: time.monotonic() > begun + 0.2)
    else:
        with pytest.raises(ImageError) as refused:
            decode(lossless, ImageLimits(max_seconds=0.5))
        assert refused.value.reason == "too_slow"
    assert set(psutil.Process().children()) <= others
