"""Cutting listings into chunks, and reading them."""

import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sketchzoo.images import ImageLimits
from sketchzoo_ingest.chunk import Chunker, ReadPhoto, read_photo
from sketchzoo_ingest.outcome import Reason, Refusal
from tests.artefacts import picture
from tests.unit.ingest.fakes import FakeSource

LIMITS = ImageLimits(max_bytes=1000, max_pixels=10_000)
SIDES = (24, 16)


def cut(sizes: list[int], *, known: bool = True, photos: int = 4) -> list[tuple[int, int]]:
    entries = [("cat", f"{i}", bytes(size)) for i, size in enumerate(sizes)]
    source = FakeSource(entries, sizes=known)  # type: ignore[arg-type] # invariant
    chunker = Chunker(source, photos=photos, max_bytes=2000, limits=LIMITS)
    chunks = iter(chunker.next, None)
    return [(len(chunk.entries), chunk.reserved) for chunk in chunks]


def test_chunks_by_count_and_bytes() -> None:
    """A chunk ends at so many photos or so many bytes; nothing is lost in between."""
    assert cut([10] * 9) == [(4, 40), (4, 40), (1, 10)]
    assert cut([900, 900, 900, 1, 1]) == [(2, 1800), (3, 902)]
    assert cut([]) == []


def test_what_is_not_known_reserves_the_most() -> None:
    """A photo whose size only reading tells reserves the limit; no photo more than that."""
    assert cut([1] * 5, known=False) == [(2, 2000), (2, 2000), (1, 1000)]
    assert cut([10_000_000] * 2) == [(2, 2000)]


def read(content: bytes | Reason) -> ReadPhoto | Refusal:
    source = FakeSource([("cat", "a", content)])
    [candidate] = source.candidates()
    assert not isinstance(candidate, Refusal)
    return read_photo(source, candidate, LIMITS)


def test_photo_is_hashed_and_measured() -> None:
    """A photo is read with the SHA-256 of its bytes and its sides in pixels."""
    content = picture(1, SIDES)
    photo = read(content)
    assert isinstance(photo, ReadPhoto)
    assert photo.sha256 == hashlib.sha256(content).hexdigest()
    assert (photo.width, photo.height) == SIDES


def test_turned_photo_is_measured_as_shown() -> None:
    """A photo that EXIF lays on its side has the sides that people see."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "JPEG", exif=exif)
    photo = read(file.getvalue())
    assert isinstance(photo, ReadPhoto)
    assert (photo.width, photo.height) == (20, 30)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"hello", Reason.NOT_AN_IMAGE),
        (picture(0, (101, 100), "PNG"), Reason.TOO_LARGE),
        (bytes(1001), Reason.TOO_LARGE),
        (Reason.UNREADABLE, Reason.UNREADABLE),
    ],
)
def test_refusals(content: bytes | Reason, reason: Reason) -> None:
    """What is no photo is refused by its header or its source, with the reason."""
    refusal = read(content)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is reason
    assert (refusal.uri, refusal.class_name) == ("fake://a", "cat")


@settings(deadline=None)
@given(
    form=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM"]),
    cut=st.integers(0, 600),
    changes=st.lists(st.tuples(st.integers(0, 599), st.integers(0, 255)), max_size=8),
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_no_damaged_header_stops_the_run(
    form: str, cut: int, changes: list[tuple[int, int]]
) -> None:
    """Whatever is done to a file, it is read or refused: nothing is raised."""
    content = bytearray(picture(3, SIDES, form))
    for place, value in changes:
        content[place % len(content)] = value
    result = read(bytes(content[: max(0, len(content) - cut)]))
    assert isinstance(result, ReadPhoto | Refusal)
