"""The adapter between photos and Qdrant, on either kind of server."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import grpc
import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient, models

from sketchzoo.qdrant import (
    CollectionNotFoundError,
    Filter,
    Nearest,
    Photo,
    PhotoNotFoundError,
    PhotoReader,
    PhotoWriter,
    QdrantConnection,
)
from sketchzoo.rpc import CallError


@pytest.fixture
def reader(connection: QdrantConnection) -> PhotoReader:
    return PhotoReader(connection, "test")


@pytest.fixture
async def writer(
    connection: QdrantConnection, client: AsyncQdrantClient
) -> AsyncIterator[PhotoWriter]:
    """Return the writer of an alias of its own; the test's collection is removed afterwards."""
    writer = PhotoWriter(connection, f"test-{uuid.uuid4().hex}")
    yield writer
    for name in ("model", "other"):
        await client.delete_collection(writer.name(name))


def photo(number: int, class_name: str = "cat") -> Photo:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    taken = datetime(2026, 1, 1, tzinfo=UTC)
    return Photo(
        class_name, f"file:///{number}.jpg", digest, 40, 30, taken, payload={"number": number}
    )


async def test_a_missing_collection_is_told_by_type(
    reader: PhotoReader, writer: PhotoWriter
) -> None:
    """Every call says which one; dropping it is no error."""
    with pytest.raises(CollectionNotFoundError) as caught:
        await reader.nearest("nowhere", [Nearest(vector=(1.0, 0.0))])
    assert caught.value.collection == "nowhere"
    with pytest.raises(CollectionNotFoundError):
        await reader.get("nowhere", [photo(1).id])
    with pytest.raises(CollectionNotFoundError):
        await writer.count("nowhere")
    await writer.drop("nowhere")


async def test_a_missing_photo_is_told_by_type(reader: PhotoReader, writer: PhotoWriter) -> None:
    """A query that names a photo which is not there says which, alone and in a batch."""
    collection = await writer.open("model", 2)
    await writer.upsert(collection, [(photo(1), [1.0, 0.0])])
    query = Nearest(photo_id=photo(1).id, liked=(photo(2).id,))
    with pytest.raises(PhotoNotFoundError) as caught:
        await reader.nearest(collection, [query])
    assert caught.value.photo_id == photo(2).id
    with pytest.raises(PhotoNotFoundError):
        await reader.nearest(collection, [Nearest(vector=(1.0, 0.0)), query])


async def test_a_collection_that_is_there_is_opened(writer: PhotoWriter) -> None:
    """Opened again, and made by two at once, it is the same one."""
    name = await writer.open("model", 2)
    assert await writer.open("model", 2) == name


async def test_what_is_written_is_what_is_read(reader: PhotoReader, writer: PhotoWriter) -> None:
    """A photo's life: written, found, read, given another payload, counted, deleted."""
    collection = await writer.open("model", 2)
    first, second = photo(1), photo(2, "dog")
    await writer.upsert(collection, [(first, [1.0, 0.0]), (second, [0.6, 0.8])])
    await writer.publish(collection)
    assert (await writer.current()).dimension == 2
    query = Nearest(vector=(1.0, 0.0))
    (hits,) = await reader.nearest(collection, [query])
    assert [(hit.id, hit.photo) for hit in hits] == [(first.id, first), (second.id, second)]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.8])
    filtered = Nearest(vector=(1.0, 0.0), filter=Filter(excluded_classes=("cat",)))
    both = await reader.nearest(collection, [query, filtered])
    assert [[hit.id for hit in each] for each in both] == [[first.id, second.id], [second.id]]
    told = await reader.vectors(collection, [second.id, photo(3).id])
    assert told == {second.id: pytest.approx([0.6, 0.8])}
    changed = replace(first, class_name="fox", payload={})
    await writer.set_payload(collection, changed)
    assert await reader.get(collection, [first.id, photo(3).id]) == {first.id: changed}
    assert await reader.classes(collection, Filter()) == {"dog": 1, "fox": 1}
    scrolled = {each.id async for each in reader.scroll(collection)}
    assert scrolled == {first.id, second.id}
    vectors = {each.id: vector async for each, vector in reader.embeddings(collection)}
    assert vectors[second.id] == pytest.approx([0.6, 0.8])
    await writer.delete(collection, [first.id])
    assert await writer.count(collection) == 1
    other = await writer.open("other", 2)
    await writer.publish(other)
    assert await writer.published() == other
    await writer.drop(collection)
    with pytest.raises(ValueError, match="is the gallery that search uses"):
        await writer.drop(other)


async def test_excluded_photos_are_not_answered(reader: PhotoReader, writer: PhotoWriter) -> None:
    """A vector made of photos finds others, though it names none."""
    collection = await writer.open("model", 2)
    first, second = photo(1), photo(2)
    await writer.upsert(collection, [(first, [1.0, 0.0]), (second, [0.6, 0.8])])
    (hits,) = await reader.nearest(collection, [Nearest(vector=(1.0, 0.0), excluded=(first.id,))])
    assert [hit.id for hit in hits] == [second.id]


async def test_liked_and_disliked_photos_move_a_query_as_search_does_itself(
    reader: PhotoReader, writer: PhotoWriter
) -> None:
    """Twice the mean of what is wanted less the mean of what is not, to the score."""
    collection = await writer.open("model", 3)
    random = np.random.default_rng(0)
    vectors = random.standard_normal((9, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    photos = [photo(number) for number in range(8)]
    stored = dict(zip((each.id for each in photos), vectors[:8], strict=True))
    await writer.upsert(collection, [(p, list(stored[p.id])) for p in photos])
    liked, disliked = (photos[0].id, photos[1].id), (photos[2].id, photos[3].id)
    drawing = vectors[8]
    query = Nearest(vector=tuple(drawing), liked=liked, disliked=disliked)
    (theirs,) = await reader.nearest(collection, [query])
    average = 2 * np.mean([drawing, *(stored[each] for each in liked)], axis=0)
    average -= np.mean([stored[each] for each in disliked], axis=0)
    query = Nearest(vector=tuple(average), excluded=(*liked, *disliked))
    (ours,) = await reader.nearest(collection, [query])
    assert [hit.id for hit in ours] == [hit.id for hit in theirs]
    assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs])


async def test_a_large_write_goes_in_pieces(
    reader: PhotoReader, writer: PhotoWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No message is larger than what any Qdrant takes, whatever the photos' columns hold."""
    monkeypatch.setattr("sketchzoo.qdrant.writer._MAX_WRITE_BYTES", 1000)
    collection = await writer.open("model", 2)
    photos = [replace(photo(n), payload={"text": "x" * 300 * (n % 5)}) for n in range(20)]
    await writer.upsert(collection, [(each, [1.0, 0.0]) for each in photos])
    found = await reader.get(collection, [each.id for each in photos])
    assert found == {each.id: each for each in photos}


@pytest.mark.parametrize(
    "wrong",
    [{"class": None}, {"uri": 7}, {"sha256": photo(8).sha256}, {"width": 0}],
    ids=["no class", "a number for a uri", "another's content", "no pixels"],
)
async def test_a_foreign_point_is_named(
    client: AsyncQdrantClient, writer: PhotoWriter, wrong: dict[str, Any]
) -> None:
    """Whatever meets a point that ingest did not write says which, and in which collection."""
    collection = await writer.open("model", 2)
    await writer.upsert(collection, [(photo(1), [0.0, 1.0])])
    point = models.PointStruct(
        id=photo(9).id, vector=[1.0, 0.0], payload=photo(9).to_payload() | wrong
    )
    await client.upsert(collection, [point], wait=True)
    said = f"the collection {collection} holds the point {photo(9).id}, which ingest did not write"
    with pytest.raises(CallError, match=said) as caught:
        await writer.get(collection, [photo(9).id])
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    if "sha256" not in wrong:  # of hits ids are not looked at: it would be felt
        with pytest.raises(CallError, match=said):
            await writer.nearest(collection, [Nearest(vector=(1.0, 0.0))])
    with pytest.raises(CallError, match=said):
        [each async for each in writer.scroll(collection)]
    with pytest.raises(CallError, match=said):
        [each async for each in writer.embeddings(collection)]
    assert await writer.get(collection, [photo(1).id]) == {photo(1).id: photo(1)}
    counted = {"cat": 1} if wrong == {"class": None} else {"cat": 2}
    assert await writer.classes(collection, Filter()) == counted


async def test_a_point_of_another_kind_of_id_is_foreign(
    client: AsyncQdrantClient, writer: PhotoWriter
) -> None:
    """A number is named as it is."""
    collection = await writer.open("model", 2)
    await client.upsert(collection, [models.PointStruct(id=7, vector=[1.0, 0.0])], wait=True)
    with pytest.raises(CallError, match=r"the point 7, .*uri must be a string, not None"):
        await writer.nearest(collection, [Nearest(vector=(1.0, 0.0))])
