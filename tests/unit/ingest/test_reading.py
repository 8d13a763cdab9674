"""Reading photos."""

import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sketchzoo.images import ImageLimits
from sketchzoo_ingest.feed import Listed
from sketchzoo_ingest.outcome import Reason, Refusal
from sketchzoo_ingest.reading import Reading, ReadPhoto
from tests.artefacts import picture
from tests.unit.ingest.fakes import FakeSource

LIMITS = ImageLimits(max_bytes=1000, max_pixels=10_000)
SIDES = (24, 16)


def read(content: bytes | Reason) -> ReadPhoto | Refusal:
    source = FakeSource([("cat", "a", content)])
    [candidate] = source.candidates()
    assert not isinstance(candidate, Refusal)
    return Reading(LIMITS).read(Listed(candidate, source))


def test_photo_is_hashed_and_measured() -> None:
    """A photo is read with the SHA-256 of its bytes and its sides in pixels."""
    content = picture(1, SIDES)
    photo = read(content)
    assert isinstance(photo, ReadPhoto)
    assert photo.photo.sha256 == hashlib.sha256(content).hexdigest()
    assert (photo.photo.width, photo.photo.height) == SIDES


def test_turned_photo_is_measured_as_shown() -> None:
    """A photo that EXIF lays on its side has the sides that people see."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "JPEG", exif=exif)
    photo = read(file.getvalue())
    assert isinstance(photo, ReadPhoto)
    assert (photo.photo.width, photo.photo.height) == (20, 30)


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
