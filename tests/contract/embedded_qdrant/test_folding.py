"""Hits folded as they come: the answers of Qdrant's groups, in fewer calls."""

import hashlib
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from qdrant_client import grpc as api

from sketchzoo.qdrant import (
    FieldCondition,
    Filter,
    GeoPoint,
    Nearest,
    Photo,
    PhotoWriter,
    QdrantConnection,
    Range,
    ScoredPhoto,
    SeenClass,
    connect,
)
from sketchzoo.qdrant.bursts import Collapsed
from tests.contract.embedded_qdrant.conftest import Address

DIMENSION = 5
PHOTOS = 120
# Photos of a burst: none folds often, one folds here and there, a few fill all of the first page.
LAYOUTS = {"few": (1, 1, 1, 1, 1, 1, 2), "some": (1, 2, 3), "long": (20, 1, 40, 3)}


def photo(number: int, burst: str) -> Photo:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    name = ("cat", "dog")[number % 2]
    when = datetime(2024, 1, 1, tzinfo=UTC)
    return Photo(name, f"file:///{number}.jpg", digest, 4, 3, when, burst=burst, rating=number % 5)


def named(number: int) -> str:
    return photo(number, "").id


def photos(layout: str) -> list[tuple[Photo, list[float]]]:
    """Make photos in bursts of the layout's lengths, each near to its burst; some are of none."""
    made = random.Random(layout)
    points: list[tuple[Photo, list[float]]] = []
    lengths = LAYOUTS[layout]
    while len(points) < PHOTOS:
        middle = [made.gauss(0, 1) for _ in range(DIMENSION)]
        first = len(points)
        for number in range(first, first + made.choice(lengths)):
            burst = "" if made.random() < 0.1 else named(first)
            points.append((photo(number, burst), [made.gauss(each, 0.2) for each in middle]))
    return points


@dataclass(frozen=True, slots=True)
class Galleries:
    connection: QdrantConnection
    registry: CollectorRegistry
    writer: PhotoWriter
    collections: dict[str, str]

    async def of(self, layout: str) -> str:
        """Return a collection of this layout, which is made when it is first asked for."""
        if layout not in self.collections:
            collection = await self.writer.open(layout, DIMENSION)
            await self.writer.upsert(collection, photos(layout))
            self.collections[layout] = collection
        return self.collections[layout]

    def calls(self, method: str) -> float:
        name = {"method": f"Points/{method}", "code": "OK"}
        return self.registry.get_sample_value("sketchzoo_qdrant_call_seconds_count", name) or 0.0


@pytest.fixture
async def galleries(address: Address) -> AsyncIterator[Galleries]:
    registry = CollectorRegistry()
    connection = connect(address.settings(), registry)
    writer = PhotoWriter(connection, f"test-{uuid.uuid4().hex}")
    made = Galleries(connection, registry, writer, {})
    yield made
    for collection in made.collections.values():
        await connection.ask("Collections/Delete", api.DeleteCollection(collection_name=collection))
    await connection.close()


numbers = st.integers(0, PHOTOS - 1).map(named)
vectors = st.lists(st.floats(-1, 1, width=32), min_size=DIMENSION, max_size=DIMENSION).filter(
    lambda values: sum(map(abs, values)) > 0.01
)
filters = st.builds(
    Filter,
    classes=st.sampled_from([(), ("cat",)]),
    excluded_classes=st.sampled_from([(), ("dog",)]),
    fields=st.sampled_from([(), (FieldCondition("rating", Range(gte=2)),)]),
)


@st.composite
def queries(draw: st.DrawFn) -> Nearest:
    by_photo = draw(st.booleans())
    return Nearest(
        vector=None if by_photo else tuple(draw(vectors)),
        photo_id=draw(numbers) if by_photo else None,
        liked=tuple(draw(st.lists(numbers, max_size=2))),
        disliked=tuple(draw(st.lists(numbers, max_size=1))),
        filter=draw(filters),
        limit=draw(st.integers(1, 30)),
        offset=draw(st.sampled_from([0, 0, 3, 40, 70])),
        min_score=draw(st.sampled_from([None, 0.5, 0.8])),
        exact=draw(st.booleans()),
        collapse=True,
    )


def told(hits: list[ScoredPhoto]) -> list[tuple[str, float, int]]:
    return [(hit.photo.uri, round(hit.score, 5), hit.near_duplicates) for hit in hits]


@pytest.mark.parametrize("known", [10_000, 0])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(layout=st.sampled_from(list(LAYOUTS)), asked=st.lists(queries(), min_size=1, max_size=3))
async def test_folded_hits_are_those_of_groups(
    galleries: Galleries,
    known: int,
    layout: str,
    asked: list[Nearest],
) -> None:
    """Whatever is asked for, alone or in a batch: the same photos, scores and counts.

    Also where a gallery has more near-duplicates than are known by name.
    """
    with patch("sketchzoo.qdrant.schemas._MAX_NEAR_DUPLICATES", known):
        await compare(galleries, layout, asked)


async def compare(galleries: Galleries, layout: str, asked: list[Nearest]) -> None:
    collection = await galleries.of(layout)
    folded = await galleries.writer.nearest(collection, asked)
    grouped = Collapsed(galleries.connection, collection, None, with_others=True)
    assert [told(hits) for hits in folded] == [
        told(await grouped.by_groups(query)) for query in asked
    ]


async def test_a_page_takes_one_call_where_little_folds(galleries: Galleries) -> None:
    """Neither groups nor counts, until a hit's burst has others: then they are counted."""
    few = await galleries.of("few")
    near = [(photo, vector) for photo, vector in photos("few") if photo.burst]
    several = [p.burst for p, _ in near if p.burst != p.id]
    alone = next(tuple(vector) for photo, vector in near if photo.burst not in several)
    folds = next(tuple(vector) for photo, vector in near if photo.burst in several)
    await galleries.writer.nearest(few, [Nearest(vector=alone, limit=1, collapse=True)])
    counted = galleries.calls("Facet")
    await galleries.writer.nearest(few, [Nearest(vector=alone, limit=1, collapse=True)])
    assert galleries.calls("Facet") == counted
    (hits,) = await galleries.writer.nearest(few, [Nearest(vector=folds, limit=1, collapse=True)])
    assert hits[0].near_duplicates
    assert galleries.calls("Facet") == counted + 1
    assert galleries.calls("QueryBatch") == 3
    assert not galleries.calls("QueryGroups")


async def test_a_deep_page_takes_no_rounds(galleries: Galleries) -> None:
    """The page's photos are read by id, those before it are told by their bursts alone."""
    few, query = await galleries.of("few"), Nearest((1.0,) * DIMENSION, offset=80, limit=9)
    await galleries.writer.nearest(few, [query])
    before = galleries.calls("Query")
    hits = await galleries.writer.nearest(
        few, [Nearest((1.0,) * DIMENSION, offset=80, limit=9, collapse=True)]
    )
    assert len(hits[0]) == 9
    assert galleries.calls("Query") - before <= 1
    assert galleries.calls("Get") == 1
    assert not galleries.calls("QueryGroups")


async def test_a_photo_added_meanwhile_is_folded_and_counted(galleries: Galleries) -> None:
    """At once where it stands beside its burst's other photo, else when it is looked at."""
    few, writer = await galleries.of("few"), galleries.writer
    points = photos("few")
    several = {p.burst for p, _ in points if p.burst != p.id}
    first, vector = next(
        each for each in points if each[0].burst == each[0].id and each[0].id not in several
    )
    query = Nearest(tuple(vector), limit=2, collapse=True)
    (before,) = await writer.nearest(few, [query])
    near, far = photo(1000, first.id), photo(1001, first.id)
    await writer.upsert(few, [(near, [each * 1.01 for each in vector])])
    (after,) = await writer.nearest(few, [query])
    assert (before[0].photo.burst, before[0].near_duplicates) == (first.id, 0)
    assert (after[0].photo.burst, after[0].near_duplicates) == (first.id, 1)
    assert [hit.photo.uri for hit in after[1:]] == [hit.photo.uri for hit in before[1:]]
    await writer.upsert(few, [(far, [-each for each in vector])])
    await writer.publish(few)
    await writer.current()
    (later,) = await writer.nearest(few, [query])
    assert later[0].near_duplicates == 2


async def test_a_page_of_which_a_photo_is_deleted_meanwhile_is_full(galleries: Galleries) -> None:
    """A shorter one would seem the last, though more follow."""
    few, writer, ask = await galleries.of("few"), galleries.writer, galleries.connection.ask
    query = Nearest((1.0,) * DIMENSION, limit=70, collapse=True)
    (before,) = await writer.nearest(few, [query])

    async def meanwhile(method: str, request: Message, seconds: float | None = None) -> Any:
        if method == "Points/Get":
            await writer.delete(few, [before[3].id])
        return await ask(method, request, seconds)

    with patch.object(galleries.connection, "ask", meanwhile):
        (page,) = await writer.nearest(few, [query])
    assert len(page) == len(before) == 70
    assert before[3].id not in {hit.id for hit in page}


@pytest.mark.parametrize("collapse", [False, True])
@pytest.mark.parametrize("limit", [1, 100])
async def test_a_hit_without_payload_tells_what_is_shown(
    galleries: Galleries, *, collapse: bool, limit: int
) -> None:
    """All that a hit shows is there; the columns of the photo's source are not sent."""
    few, writer = await galleries.of("few"), galleries.writer
    shown = replace(
        photo(2000, ""),
        folder="a/b",
        file_name="c.jpg",
        taken_at=datetime(2024, 2, 1, tzinfo=UTC),
        camera="Leica",
        location=GeoPoint(1, 2),
        seen=SeenClass("fox", 0.5),
    )
    whole = replace(shown, payload={"note": "long"}, bytes=7, phash="0" * 16)
    await writer.upsert(few, [(whole, [1.0] * DIMENSION)])
    # So large a page is told by bursts first, and then read.
    asked = Nearest(
        (1.0,) * DIMENSION, limit=limit, collapse=collapse, filter=Filter(folders=("a",))
    )
    assert [hit.photo for hit in (await writer.nearest(few, [asked]))[0]] == [whole]
    asked = replace(asked, with_payload=False)
    assert [hit.photo for hit in (await writer.nearest(few, [asked]))[0]] == [shown]
