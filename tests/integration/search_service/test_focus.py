"""Focuses end to end: an artefact of three parts, encoder, Qdrant and search as processes."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.client import Client, SearchResult, Unsupported
from sketchzoo.parts import CLASS, GENERAL, SHAPE, Emphasis, Focus, Layout, Part
from sketchzoo.qdrant import Photo, PhotoReader, connect
from tests.artefacts import encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.search_service.stack import fill, search_process, write_photos

COUNT = 60
LAYOUT = Layout(
    (Part(CLASS, 6, 0.5), Part(GENERAL, 8, 0.25), Part(SHAPE, 8, 0.25)),
    {
        Focus.BOTH: Emphasis((1, 1, 1), 0.7),
        Focus.SUBJECT: Emphasis((1, 0.5, 0), 0.8),
        Focus.SHAPE: Emphasis((0, 0.5, 1), 0.6),
    },
    Focus.BOTH,
)
FOCUSES = ("subject", "both", "shape")
# Starting three processes takes a busy machine minutes.
pytestmark = pytest.mark.timeout(400)


@dataclass(repr=False)
class Zoo:
    client: Client
    photos: dict[str, Photo]
    vectors: dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]

    def expected(self, vector: Sequence[float], focus: str, *named: str) -> list[str]:
        """Return the photos as NumPy ranks them, but those that the query names."""
        query = LAYOUT.focused(np.asarray(vector, np.float32), Focus(focus))
        ids = [each for each in self.vectors if each not in named]
        ids.sort(key=lambda each: -float(query @ self.vectors[each]))
        return ids[:12]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    root = tmp_path_factory.mktemp("focus")
    paths = write_photos(root / "photos", COUNT)
    model = tiny_model(root / "model", layout=LAYOUT)
    with ServerProcess(root / "qdrant") as qdrant, encoder_process(model.folder) as encoder:
        url = f"http://127.0.0.1:{qdrant.port}"
        photos = asyncio.run(fill(encoder.target, url, paths))
        vectors = asyncio.run(stored(url, f"photos-{model.fingerprint}", list(photos)))
        with (
            search_process(encoder.target, url) as search,
            Client(search.target, timeout=30.0) as client,
        ):
            search.wait_serving()
            yield Zoo(client, photos, {k: np.asarray(v, np.float32) for k, v in vectors.items()})


async def stored(url: str, collection: str, ids: list[str]) -> dict[str, list[float]]:
    connection = connect(QdrantSettings(qdrant_url=url))
    try:
        return await PhotoReader(connection, "photos").vectors(collection, ids)
    finally:
        await connection.close()


def ids(result: SearchResult) -> list[str]:
    return [hit.photo_id for hit in result.hits]


def test_each_focus_finds_by_its_own_parts(zoo: Zoo) -> None:
    """A drawing's hits are those of its embedding with the parts weighed; the default is `both`."""
    drawing = picture(900)
    whole = zoo.client.search(drawing, include_embedding=True)
    assert whole.query_embedding is not None
    vector = whole.query_embedding.vector
    assert ids(whole) == zoo.expected(vector, "both")
    orders = []
    for focus, score in zip(FOCUSES, (0.8, 0.7, 0.6), strict=True):
        result = zoo.client.search(drawing, focus=focus, exact=True)
        assert ids(result) == zoo.expected(vector, focus)
        assert result.confident_score == pytest.approx(score)
        assert result.timings.cached
        orders.append(ids(result))
    assert len({tuple(order) for order in orders}) == 3


def test_more_like_a_photo_can_be_by_its_shape_alone(zoo: Zoo) -> None:
    """The stored embedding is what is focused, and the photo is not among its own hits."""
    known, liked = list(zoo.photos)[:2]
    for focus in FOCUSES:
        result = zoo.client.search(photo_id=known, focus=focus, exact=True)
        assert ids(result) == zoo.expected(zoo.vectors[known], focus, known)
        result = zoo.client.search(photo_id=known, liked=[liked], focus=focus, exact=True)
        mean = (zoo.vectors[known] + zoo.vectors[liked]) / 2
        assert ids(result) == zoo.expected(mean, focus, known, liked)


def test_a_gallery_tells_the_focuses_and_that_words_are_not_taken(zoo: Zoo) -> None:
    """What the artefact's configuration says goes all the way to the caller."""
    held = zoo.client.get_gallery()
    assert set(held.focuses) == set(FOCUSES)
    assert held.focuses[0] == "both"
    assert not held.takes_text
    with pytest.raises(Unsupported, match="no text tower") as caught:
        zoo.client.search(text="a cat")
    assert caught.value.field == "query.text"
