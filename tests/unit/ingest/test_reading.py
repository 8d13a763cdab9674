"""Reading photos."""

import hashlib
import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sketchzoo.images import ImageLimits, Preprocessing, decode, enough_for, prepare
from sketchzoo.qdrant import GeoPoint
from sketchzoo_ingest.feed import Listed
from sketchzoo_ingest.outcome import Reason, Refusal
from sketchzoo_ingest.reading import Reading, ReadPhoto
from sketchzoo_ingest.sources import Candidate
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


def exif() -> bytes:
    """Return the EXIF of a photo taken at a place, a time and by a camera."""
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x4746] = "Canon", "Canon EOS 5D", 4
    tags.get_ifd(0x8769)[0x9003] = "2024:07:01 12:30:00"
    place = tags.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "N", (52.0, 30.0, 0.0), "E", (13.0, 24.0, 0.0)
    file = io.BytesIO()
    Image.open(io.BytesIO(picture(1, (400, 300), "PNG"))).save(file, "JPEG", exif=tags)
    return file.getvalue()


def read_one(content: bytes, reading: Reading, **values: Any) -> ReadPhoto:
    source = FakeSource([("", "a", content)])
    [candidate] = source.candidates()
    assert isinstance(candidate, Candidate)
    found = reading.read(Listed(replace(candidate, **values), source))
    assert isinstance(found, ReadPhoto)
    return found


def test_file_tells_of_itself() -> None:
    """When, where and by what a photo was taken, and its stars, are kept of its file."""
    photo = read_one(exif(), Reading(ImageLimits())).photo
    assert photo.taken_at == datetime(2024, 7, 1, 12, 30, tzinfo=UTC)
    assert (photo.camera, photo.rating) == ("Canon EOS 5D", 4)
    assert photo.location == GeoPoint(52.5, 13.4)


def test_source_knows_better() -> None:
    """What a source says of a photo stands before what its file says."""
    said = {
        "taken_at": datetime(2000, 1, 1, tzinfo=UTC),
        "camera": "a shoebox",
        "place": (1.0, 2.0),
        "rating": 0,
    }
    photo = read_one(exif(), Reading(ImageLimits()), **said).photo
    assert (photo.taken_at, photo.camera, photo.rating) == (said["taken_at"], "a shoebox", 0)
    assert photo.location == GeoPoint(1.0, 2.0)


def test_places_are_not_kept() -> None:
    """With `locations` off no place is kept, and one that was kept is forgotten."""
    reading = Reading(ImageLimits(), locations=False)
    found = read_one(exif(), reading, place=(1.0, 2.0))
    assert found.photo.location is None
    before = replace(found.photo, location=GeoPoint(1.0, 2.0))
    assert reading.known(found.candidate, before)["location"] is None


def test_picture_is_what_the_encoder_would_make() -> None:
    """What is sent of a large photo becomes the very input that its file becomes, nearly."""
    content = picture(2, (1600, 1200))
    preprocessing = Preprocessing(size=64, fit="crop", mean=(0.5,) * 3, std=(0.5,) * 3, keep=0.875)
    sent = read_one(content, Reading(ImageLimits(), preprocessing)).picture
    assert len(sent) < 20_000
    one, other = (
        prepare(decode(file), preprocessing).ravel().astype(float) for file in (content, sent)
    )
    assert one @ other / np.sqrt((one @ one) * (other @ other)) > 0.999
    assert np.array_equal(
        prepare(decode(sent), preprocessing),
        prepare(decode(content, enough=enough_for(preprocessing)), preprocessing),
    )


def test_file_is_sent_as_it_is() -> None:
    """Where nothing is known of the encoder's preprocessing, it gets the file, up to a limit."""
    content = picture(2, (320, 240))
    assert read_one(content, Reading(ImageLimits())).picture == content
    source = FakeSource([("", "a", content)])
    [candidate] = source.candidates()
    refusal = Reading(ImageLimits(), max_sent_bytes=1000).read(Listed(candidate, source))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.TOO_LARGE
    assert "encoder_max_message_bytes" in refusal.message


def test_a_small_jpeg_is_sent_as_it_is() -> None:
    """It is a tenth of its square's bytes; what is larger, or dear to decode again, is not sent."""
    preprocessing = Preprocessing(size=224, fit="crop", mean=(0.5,) * 3, std=(0.5,) * 3)
    reading = Reading(ImageLimits(), preprocessing)
    small = picture(2, (256, 256))
    assert read_one(small, reading).picture == small
    for other in (picture(2, (640, 480)), picture(2, (256, 256), form="PNG")):
        assert read_one(other, reading).picture.startswith(b"P6")


def test_damaged_pixels_are_refused() -> None:
    """A file cut in half is refused before the encoder sees it."""
    content = picture(2, (640, 480))
    source = FakeSource([("", "a", content[: len(content) // 2])])
    [candidate] = source.candidates()
    refusal = Reading(ImageLimits()).read(Listed(candidate, source))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.TRUNCATED


def test_large_file_is_read_alone() -> None:
    """Files that are read at once take no more than their budget; one alone may take more."""
    most: list[int] = []
    held = 0
    content = picture(3, (64, 48), "BMP")

    class Slow(FakeSource):
        def read(self, candidate: Candidate, limit: int) -> bytes:
            nonlocal held
            held += 1
            most.append(held)
            time.sleep(0.01)
            held -= 1
            return content

    source = Slow([("", f"{n}", content) for n in range(6)])
    reading = Reading(ImageLimits(), max_held_bytes=2 * len(content) + 1)
    with ThreadPoolExecutor(6) as threads:
        entries = [Listed(candidate, source) for candidate in source.candidates()]
        assert all(isinstance(each, ReadPhoto) for each in threads.map(reading.read, entries))
    assert max(most) <= 2
    alone = Reading(ImageLimits(), max_held_bytes=10)
    assert isinstance(alone.read(entries[0]), ReadPhoto)
