"""The map and the layout."""

import itertools
import struct
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from live_demo.gallery_map import GalleryMap, MapFile
from live_demo.layout import judge, lay_out, principal_axes, reduce
from live_demo.mapping import make, map_of
from live_demo.settings import MapSettings
from sketchzoo.qdrant import Gallery, Photo

RNG = np.random.default_rng(7)
CENTRES = RNG.normal(size=(4, 16)).astype(np.float32)
CLASS_OF = np.repeat(np.arange(4), 15)
VECTORS = CENTRES[CLASS_OF] + RNG.normal(0, 0.1, (60, 16)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
NAMES = ("ape", "bee", "cat", "dog")
IDS = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))) for number in range(60)]


def reduced(vectors: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    return reduce(vectors, *principal_axes(vectors, count))


@pytest.fixture(scope="module")
def placed() -> GalleryMap:
    names = [NAMES[number] for number in CLASS_OF]
    return map_of("abc", IDS, names, VECTORS, MapSettings(epochs=60))


def test_neighbours_stay_neighbours_on_the_plane(placed: GalleryMap) -> None:
    """Classes that are apart in the embeddings are apart on the map."""
    assert judge(placed.reduced, placed.plane) > 0.9
    middles = np.stack([placed.plane[number == CLASS_OF].mean(axis=0) for number in range(4)])
    away = np.linalg.norm(placed.plane[:, None] - middles[None], axis=2)
    assert (away.argmin(axis=1) == CLASS_OF).mean() > 0.95
    assert placed.plane.min() >= 0
    assert placed.plane.max() <= 1


def test_the_same_seed_gives_the_same_map() -> None:
    """A map can be made again."""
    photos = reduced(VECTORS, 8)
    assert np.array_equal(lay_out(photos, 5, 5, 3), lay_out(photos, 5, 5, 3))
    assert not np.array_equal(lay_out(photos, 5, 5, 3), lay_out(photos, 5, 5, 4))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_smallest_galleries_have_a_map(count: int) -> None:
    """One photo, two, three: nothing divides by zero."""
    placed = map_of("abc", IDS[:count], ["ape"] * count, VECTORS[:count], MapSettings(epochs=3))
    assert np.isfinite(placed.plane).all()


def test_photos_of_one_content_are_laid_out() -> None:
    """Equal embeddings have no distance to scale by."""
    same = np.repeat(VECTORS[:1], 20, axis=0)
    assert np.isfinite(lay_out(reduced(same, 4), 5, 3, 0)).all()


def test_a_query_lies_among_the_photos_nearest_to_it(placed: GalleryMap) -> None:
    """A class's middle is placed within its class."""
    for number in range(4):
        at = placed.place(CENTRES[number].astype("<f4").tobytes())
        assert at is not None
        own = placed.plane[number == CLASS_OF]
        assert np.linalg.norm(own.mean(axis=0) - at) < 0.15


@pytest.mark.parametrize("vector", [b"", b"1234", np.full(16, np.nan, "<f4").tobytes()])
def test_an_embedding_of_another_kind_is_not_placed(placed: GalleryMap, vector: bytes) -> None:
    """Another size or no numbers: no place, no error."""
    assert placed.place(vector) is None


def test_a_photo_is_where_the_map_has_it(placed: GalleryMap) -> None:
    """One that came later has no place."""
    assert placed.where(IDS[3]) == pytest.approx(placed.plane[3], abs=1e-3)
    assert placed.where(str(uuid.uuid4())) is None


def test_the_page_reads_places_classes_and_ids(placed: GalleryMap) -> None:
    """The packed form has what the docstring says, in that order."""
    packed = placed.packed
    count, length = struct.unpack_from("<II", packed, 8)
    assert (count, length) == (60, len("ape\nbee\ncat\ndog"))
    x, y, number = struct.unpack_from("<HHH", packed, 16 + 6 * 59)
    assert (x / 65535, y / 65535) == pytest.approx(tuple(placed.plane[59]), abs=1e-4)
    assert number == 3
    assert uuid.UUID(bytes=packed[16 + 6 * 60 :][:16]) == uuid.UUID(IDS[0])
    assert packed[-length:].decode().split("\n") == list(NAMES)


def test_a_map_is_written_and_read(placed: GalleryMap, tmp_path: Path) -> None:
    """What is read is what was written."""
    path = tmp_path / "map.npz"
    placed.save(path)
    read = GalleryMap.load(path)
    assert (read.ids, read.classes, read.fingerprint) == (placed.ids, placed.classes, "abc")
    assert np.array_equal(read.plane, placed.plane)


def test_maps_that_contradict_themselves_are_refused(placed: GalleryMap) -> None:
    """The message names the part and what would be right."""
    with pytest.raises(ValueError, match=r"plane must be \(60, 2\)"):
        replace(placed, plane=placed.plane[:5])
    with pytest.raises(ValueError, match="class_of"):
        replace(placed, classes=("ape",))
    with pytest.raises(ValueError, match="at least one"):
        replace(
            placed,
            ids=(),
            plane=placed.plane[:0],
            reduced=placed.reduced[:0],
            class_of=placed.class_of[:0],
        )


async def test_a_file_that_is_no_map_is_shown_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, damaged, or of another program: the page goes without."""
    monkeypatch.setattr("live_demo.gallery_map._LOOK_SECONDS", 0)
    path = tmp_path / "map.npz"
    file = MapFile(path)
    assert await file.current() is None
    path.write_bytes(b"no map")
    assert await file.current() is None
    with path.open("wb") as other:
        np.savez(other, something=np.zeros(3))
    assert await file.current() is None
    with path.open("wb") as other:
        np.save(other, np.zeros(3))
    assert await file.current() is None
    assert await MapFile(None).current() is None


def test_a_damaged_map_is_refused_wherever_it_was_damaged(
    placed: GalleryMap, tmp_path: Path
) -> None:
    """Cut short or with a byte changed, the message names the file."""
    path = tmp_path / "map.npz"
    placed.save(path)
    whole = path.read_bytes()
    for at in range(1, len(whole), len(whole) // 50):
        path.write_bytes(whole[:at])
        with pytest.raises(ValueError, match=r"map\.npz is no map"):
            GalleryMap.load(path)
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 255
    path.write_bytes(changed)
    with pytest.raises(ValueError, match=r"map\.npz is no map"):
        GalleryMap.load(path)


async def test_a_new_map_takes_the_place_of_the_old(
    placed: GalleryMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read again when it has changed."""
    monkeypatch.setattr("live_demo.gallery_map._LOOK_SECONDS", 0)
    path = tmp_path / "map.npz"
    placed.save(path)
    file = MapFile(path)
    first = await file.current()
    assert await file.current() is first
    replace(placed, fingerprint="def").save(path)
    second = await file.current()
    assert second is not None
    assert second.fingerprint == "def"


async def test_no_more_of_a_gallery_is_read_than_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gallery of any size takes no more time and memory than the photos on its map."""
    read: list[str] = []

    class EndlessGallery:
        def __init__(self, connection: object, alias: str) -> None:
            assert alias == "photos"

        async def current(self) -> Gallery:
            return Gallery("photos-abc", "abc", 16)

        async def embeddings(self, collection: str) -> AsyncIterator[tuple[Photo, list[float]]]:
            for number in itertools.count():
                photo = Photo("ape", "file:///a.jpg", f"{number:064x}", 1, 1)
                read.append(photo.id)
                yield photo, VECTORS[number % 60].tolist()

    monkeypatch.setattr("live_demo.mapping.PhotoReader", EndlessGallery)
    path = tmp_path / "map.npz"
    assert await make(MapSettings(photos=40, epochs=3), path) == 0
    assert GalleryMap.load(path).ids == tuple(read)
    assert len(read) == 40
