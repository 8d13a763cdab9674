"""Perceptual hashes and bursts."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from sketchzoo.qdrant import Photo, photo_id
from sketchzoo_ingest.bursts import Bursts
from sketchzoo_ingest.phash import distance, phash
from tests.artefacts import picture
from tests.unit.ingest.fakes import FakeCollection

WHEN = datetime(2024, 7, 1, 12, tzinfo=UTC)
HASH = "0123456789abcdef"


def image(seed: int = 1) -> Image.Image:
    return Image.open(io.BytesIO(picture(seed, (640, 480), "PNG"))).convert("RGB")


def saved(image: Image.Image, form: str, **how: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, form, **how)
    return Image.open(file).convert("RGB")


def changed(bits: int, phash: str = HASH) -> str:
    """Return a hash with so many bits changed, from the last on."""
    return f"{int(phash, 16) ^ ((1 << bits) - 1):016x}"


def photo(name: int, phash: str = HASH, **values: object) -> Photo:
    sha256 = f"{name:064x}"
    return Photo("", f"fake://{name}", sha256, 64, 48, phash=phash, **values)  # type: ignore[arg-type]


async def bursts(*photos: Photo, has: tuple[Photo, ...] = ()) -> list[int]:
    """Return the number of the photo whose burst each is in."""
    collection = FakeCollection({each.id: each for each in has})
    names = {photo_id(f"{name:064x}"): name for name in range(100)}
    return [names[burst] for burst in await Bursts(collection).assign(photos)]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((320, 240)),
        lambda image: saved(image.resize((160, 120)), "JPEG", quality=60),
        lambda image: saved(image, "JPEG", quality=20),
        lambda image: saved(image, "WEBP", quality=40),
        lambda image: ImageEnhance.Contrast(image).enhance(0.8),
        lambda image: image.convert("L"),
    ],
)
def test_copies_have_nearly_the_same_hash(change: Callable[[Image.Image], Image.Image]) -> None:
    """A photo that was resized, saved anew or made grey keeps its hash but for 4 bits."""
    assert distance(phash(image()), phash(change(image()))) <= 4


def test_other_pictures_have_other_hashes() -> None:
    """Hashes of different pictures differ in about half of their 64 bits."""
    hashes = [phash(image(seed)) for seed in range(12)]
    apart = [distance(one, other) for n, one in enumerate(hashes) for other in hashes[:n]]
    assert 24 < np.mean(apart) < 40
    assert min(apart) > 8


def test_hash_is_that_of_image_hash() -> None:
    """The hash is what ImageHash 4.3 says of a picture: others' tools know it."""
    assert phash(image(7)) == "a3d2a487acbc5b43"


async def test_copy_joins_the_first() -> None:
    """Copies are in the burst of the one that was given first; others in their own."""
    other = "fedcba9876543210"
    far = f"{int(HASH, 16) ^ (0x3F << 32):016x}"
    given = [photo(0), photo(1, changed(4)), photo(2, other), photo(3, far)]
    assert await bursts(*given) == [0, 0, 2, 3]


async def test_copy_has_the_same_shape() -> None:
    """Of two shapes, two photos are no copies, however alike their hashes."""
    wide = Photo("", "fake://1", f"{1:064x}", 640, 200, phash=HASH)
    assert await bursts(photo(0), wide) == [0, 1]


async def test_series_is_told_by_time_and_camera() -> None:
    """Photos within seconds by one camera may differ more; by another, or later, not."""
    taken = {"taken_at": WHEN, "camera": "Canon EOS 5D"}
    alike = changed(12)
    for values, together in (
        ({**taken, "taken_at": WHEN + timedelta(seconds=2)}, True),
        ({**taken, "taken_at": WHEN - timedelta(seconds=2)}, True),
        ({**taken, "taken_at": WHEN + timedelta(seconds=9)}, False),
        ({**taken, "camera": "another"}, False),
        ({"camera": "Canon EOS 5D"}, False),
        ({"taken_at": WHEN}, False),
    ):
        given = photo(0, **taken), photo(1, alike, **values)
        assert await bursts(*given) == [0, 0 if together else 1], values
    far = changed(24)
    assert await bursts(photo(0, **taken), photo(1, far, **taken)) == [0, 1]


async def test_series_goes_on_from_photo_to_photo() -> None:
    """A series that changes slowly is one burst: each photo joins the one before."""
    camera = {"camera": "Pixel 8"}
    first = photo(0, HASH, taken_at=WHEN, **camera)
    second = photo(1, changed(18), taken_at=WHEN + timedelta(seconds=2), **camera)
    third = photo(2, changed(36), taken_at=WHEN + timedelta(seconds=4), **camera)
    assert await bursts(first, second, third) == [0, 0, 0]


async def test_burst_goes_on_in_the_collection() -> None:
    """A photo joins the burst of one that the collection has, the most alike of several."""
    has = (
        photo(5, changed(4), burst=photo(6).id),
        photo(7, changed(2), burst=photo(8).id),
    )
    assert await bursts(photo(0), has=has) == [8]


async def test_photo_under_way_is_known() -> None:
    """What is not written yet is compared with, until it is done."""
    known = Bursts(FakeCollection())
    [first] = await known.assign([photo(0)])
    assert await known.assign([photo(1)]) == [first]
    known.done(photo(0).id)
    known.done(photo(1).id)
    assert await known.assign([photo(2)]) == [photo(2).id]


async def test_ids_are_asked_for_once_a_photo_and_not_once_a_pair() -> None:
    """Each is a hash of its own: of 64 photos under way 64 more asked for 12,000."""
    found = Bursts(FakeCollection({}))
    await found.assign([photo(name) for name in range(64)])
    before = photo_id.cache_info()
    await found.assign([photo(name) for name in range(64, 128)])
    after = photo_id.cache_info()
    assert after.hits + after.misses - before.hits - before.misses <= 4 * 64
