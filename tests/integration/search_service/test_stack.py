"""Search end to end: real encoder, real Qdrant engine, real sockets."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchzoo.client import (
    Client,
    GeoBoundingBox,
    GeoPoint,
    GeoRadius,
    NotFound,
    Query,
    Range,
)
from sketchzoo.filter_message import parse_filter
from sketchzoo.qdrant import Photo
from tests.artefacts import encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.search_service.stack import (
    BEGINNING,
    CLASSES,
    SearchProcess,
    fill,
    search_process,
    write_photos,
)
from tests.unit.search_service.fake_reader import holds

COUNT = 150
# Starting three processes takes a busy machine minutes.
pytestmark = pytest.mark.timeout(400)


@dataclass(repr=False)  # hypothesis would print every photo
class Zoo:
    client: Client
    photos: dict[str, Photo]
    search: SearchProcess
    folder: Path


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    root = tmp_path_factory.mktemp("stack")
    paths = write_photos(root / "photos", COUNT)
    model = tiny_model(root / "model", shared=True, dimension=16)
    with (
        ServerProcess(root / "qdrant") as qdrant,
        encoder_process(model.folder) as encoder,
    ):
        url = f"http://127.0.0.1:{qdrant.port}"
        photos = asyncio.run(fill(encoder.target, url, paths))
        with (
            search_process(encoder.target, url, gallery_roots=root / "photos") as search,
            Client(search.target, timeout=30.0) as client,
        ):
            search.wait_serving()
            yield Zoo(client, photos, search, root / "photos")


def test_finds_the_very_photo(zoo: Zoo) -> None:
    """With one tower for both modalities a picture of the gallery finds itself, score 1."""
    for number in (0, 70, COUNT - 1):
        for query in (Query(photo=picture(number)), Query(picture(number))):
            best = zoo.client.search(query).hits[0]
            assert zoo.photos[best.photo_id].payload["number"] == number
            assert best.score == pytest.approx(1.0, abs=1e-4)


def test_more_like_this_says_what_the_photos_embedding_says(zoo: Zoo) -> None:
    """A photo_id query answers as the photo's file does, without the photo itself."""
    by_file = zoo.client.search(photo=picture(5), limit=13, exact=True).hits
    by_id = zoo.client.search(photo_id=by_file[0].photo_id, exact=True, include_embedding=True)
    assert [hit.photo_id for hit in by_id.hits] == [hit.photo_id for hit in by_file[1:]]
    again = zoo.client.search(embedding=by_id.query_embedding, exact=True, limit=13)
    assert [hit.photo_id for hit in again.hits] == [hit.photo_id for hit in by_file]


def test_likes_pull_and_dislikes_push(zoo: Zoo) -> None:
    """A liked photo raises the scores of photos like it, a disliked one lowers them."""
    query = Query(picture(1), exact=True, limit=COUNT)
    plain = zoo.client.search(query)
    far = plain.hits[-1].photo_id
    kin = zoo.client.search(photo_id=far, limit=1).hits[0].photo_id

    def score(**options: Any) -> float:
        hits = zoo.client.search(query, **options).hits
        return next(hit.score for hit in hits if hit.photo_id == kin)

    assert score(liked=[far]) > score() > score(disliked=[far])


def test_an_unknown_photo_is_not_found(zoo: Zoo) -> None:
    """Qdrant's NOT_FOUND for a point is the search's, naming the photo."""
    missing = "0f8fad5b-d9cb-469f-a165-70867728950e"
    with pytest.raises(NotFound, match=missing):
        zoo.client.search(photo_id=missing)


def test_min_score_cuts_the_answer(zoo: Zoo) -> None:
    """Hits below the score are left out, those above stay as they were."""
    every = zoo.client.search(picture(2), exact=True, limit=COUNT).hits
    floor = (every[20].score + every[21].score) / 2
    cut = zoo.client.search(picture(2), exact=True, limit=COUNT, min_score=floor).hits
    assert [hit.photo_id for hit in cut] == [hit.photo_id for hit in every[:21]]


values = st.one_of(st.sampled_from(["L0", "L3", "none"]), st.integers(-1, 12), st.booleans())
moments = st.integers(-2, COUNT + 2).map(lambda days: BEGINNING + timedelta(days=days))
points = st.builds(GeoPoint, st.floats(44, 49), st.floats(169, 180) | st.floats(-180, -174))
tests = {
    "licence": values | st.lists(st.sampled_from(["L1", "L4"]), min_size=1).map(list),
    "number": values
    | st.lists(st.integers(0, COUNT), min_size=1, max_size=8)
    | st.builds(Range, gte=st.floats(-5, COUNT), lt=st.none() | st.floats(-5, COUNT)),
    "tame": values,
    "class": values,
    "no_such": values,
    "rating": st.builds(Range, gt=st.integers(-2, 5)),
    "taken_at": st.builds(Range, gte=moments, lt=st.none() | moments),
    # A metre's difference between two balls is no matter here.
    "location": st.builds(GeoRadius, points, st.integers(1, 80).map(lambda n: n * 10_007.0))
    | st.builds(GeoBoundingBox, st.builds(GeoPoint, st.just(49.01), st.floats(169, 175)), points),
}
filters = st.fixed_dictionaries(
    {},
    optional={
        "classes": st.lists(st.sampled_from([*CLASSES, "ghost"]), min_size=1, max_size=2),
        "excluded_classes": st.lists(st.sampled_from(CLASSES), max_size=1),
        "folders": st.lists(
            st.sampled_from(["2024", "2024/summer", "2024/spring", "x"]), min_size=1, max_size=2
        ),
        "seen_classes": st.lists(st.sampled_from(["heron", "ghost"]), min_size=1, max_size=2),
        "where": st.sampled_from(sorted(tests)).flatmap(
            lambda field: st.fixed_dictionaries({field: tests[field]})
        ),
    },
)


@settings(max_examples=80, deadline=None)
@given(filters)
def test_filters_mean_what_the_contract_says(zoo: Zoo, options: dict[str, Any]) -> None:
    """Hits and class counts under any filter are those that a plain reading of it gives."""
    condition = parse_filter(Query(b"x", **options).message().filter, "filter")
    expected = {each: photo for each, photo in zoo.photos.items() if holds(condition, photo)}
    hits = zoo.client.search(picture(0), limit=1000, exact=True, **options).hits
    assert {hit.photo_id for hit in hits} == set(expected)
    counts = zoo.client.list_classes(**options)
    assert counts.named == Counter(photo.class_name for photo in expected.values())
    assert counts.seen == Counter(p.seen.class_name for p in expected.values() if p.seen)
    assert counts.total == len(expected)


def test_folders_and_the_gallery_are_told(zoo: Zoo) -> None:
    """Counted by Qdrant, and what an index finds is named."""
    assert zoo.client.list_folders() == {"2024": 100}
    assert zoo.client.list_folders("2024") == {"2024/spring": 50, "2024/summer": 50}
    gallery = zoo.client.get_gallery()
    assert gallery.photos == COUNT
    assert gallery.earliest == BEGINNING + timedelta(days=1)
    assert gallery.latest == BEGINNING + timedelta(days=149)
    assert gallery.fields["taken_at"] == "datetime"
    assert zoo.client.list_galleries() == ["photos"]
    with pytest.raises(NotFound, match="nowhere"):
        zoo.client.search(picture(1), gallery="nowhere")


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, COUNT + 20),
    st.integers(0, 20),
    st.lists(st.sampled_from(CLASSES), max_size=2),
    st.booleans(),
)
def test_pages_add_up_to_the_whole_answer(
    zoo: Zoo,
    limit: int,
    number: int,
    classes: list[str],
    exact: bool,  # noqa: FBT001 - drawn
) -> None:
    """Page after page, every hit of the whole answer comes once, in its order."""
    limit = max(limit, 12)
    query = Query(picture(number), classes=classes, exact=exact)
    whole = zoo.client.search(query, limit=1000)
    pages = list(zoo.client.pages(query, limit=limit))
    assert [hit.photo_id for page in pages for hit in page.hits] == [
        hit.photo_id for hit in whole.hits
    ]
    assert all(len(page.hits) == limit for page in pages[:-1])
    assert whole.next_page_token == ""


def test_a_batch_answers_as_single_searches_do(zoo: Zoo) -> None:
    """Sixty-four mixed searches at once equal the same one by one."""
    queries = [Query(picture(n), classes=[CLASSES[n % 4]], limit=5, exact=True) for n in range(63)]
    queries.append(Query(photo_id=next(iter(zoo.photos)), exact=True))
    batch = zoo.client.batch(queries)
    for query, answer in zip(queries, batch, strict=True):
        single = zoo.client.search(query)
        assert not isinstance(answer, Exception)
        assert [hit.photo_id for hit in answer.hits] == [hit.photo_id for hit in single.hits]


def test_one_unknown_photo_fails_alone_in_a_batch(zoo: Zoo) -> None:
    """Qdrant refuses a batch as a whole; the searches beside the one that fails are answered."""
    missing = "0f8fad5b-d9cb-469f-a165-70867728950e"
    good, unknown, known = zoo.client.batch(
        [Query(picture(1)), Query(photo_id=missing), Query(photo_id=next(iter(zoo.photos)))]
    )
    assert isinstance(unknown, NotFound)
    assert missing in str(unknown)
    for answer in (good, known):
        assert not isinstance(answer, Exception)
        assert len(answer.hits) == 12


def test_photos_come_as_they_were_ingested(zoo: Zoo) -> None:
    """Originals are the files, thumbnails are small, both by id."""
    hit = zoo.client.search(photo=picture(9)).hits[0]
    original = zoo.client.photo(hit.photo_id, original=True)
    assert hashlib.sha256(original.content).hexdigest() == zoo.photos[hit.photo_id].sha256
    assert zoo.client.photo(hit.photo_id, max_side=32).open().size == (32, 24)


def test_stays_small_and_shows_its_metrics(zoo: Zoo) -> None:
    """No torch, no ONNX Runtime, at most 150 MB; the metrics page has the search's names."""
    process = Path(f"/proc/{zoo.search.process.pid}")
    assert "torch" not in (process / "maps").read_text()
    assert "onnxruntime" not in (process / "maps").read_text()
    rss = next(
        int(line.split()[1])
        for line in (process / "status").read_text().splitlines()
        if line.startswith("VmRSS:")
    )
    assert rss < 150 * 1024
    with urlopen(f"http://127.0.0.1:{zoo.search.metrics_port}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    for name in (
        'sketchzoo_search_stage_seconds_bucket{le="0.01",stage="query"}',
        "sketchzoo_search_ready 1.0",
        "sketchzoo_search_top_score_count",
        "sketchzoo_search_empty_total",
        'sketchzoo_search_cache_total{outcome="miss"}',
        'sketchzoo_search_class_hits_total{class_name="cat"}',
        'sketchzoo_search_queries_total{code="OK",kind="photo_id"}',
        'grpc_server_handled_total{grpc_code="OK"',
    ):
        assert name in page, name
