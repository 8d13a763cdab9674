"""Photos, filters and queries as Qdrant gets them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import grpc, models
from qdrant_client.conversions.conversion import RestToGrpc

from sketchzoo.qdrant import (
    RESERVED,
    AnyOf,
    FieldCondition,
    Filter,
    GeoBoundingBox,
    GeoPoint,
    GeoRadius,
    Nearest,
    Photo,
    Range,
    SeenClass,
    photo_id,
)
from sketchzoo.qdrant.photo import phash_keys

SHA = "ab" * 32


def test_the_same_content_has_the_same_id() -> None:
    """Ids depend on the content's hash alone, today and in every release."""
    assert photo_id(SHA) == "026c2941-3621-561d-962d-5588bae00666"
    assert photo_id(SHA) != photo_id("cd" * 32)


@given(
    bits=st.integers(0, 2**64 - 1),
    places=st.sets(st.integers(0, 63), max_size=2),
)
def test_hashes_that_hardly_differ_share_a_key(bits: int, places: set[int]) -> None:
    """Whichever two of their bits do; the five keys are numbers that JSON holds."""
    other = bits ^ sum(1 << place for place in places)
    one, two = (phash_keys(f"{each:016x}") for each in (bits, other))
    assert not set(one).isdisjoint(two)
    assert len(set(one)) == 5
    assert all(0 <= key < 2**53 for key in one)


def test_parts_of_a_key_are_of_one_place() -> None:
    """The same bits in other parts of a hash are another key."""
    assert (
        len({key for part in range(5) for key in phash_keys(f"{1 << 13 * part:016x}")}) == 5 + 5 * 2
    )
    assert phash_keys("") == ()


def test_a_bad_hash_is_refused() -> None:
    """An id is never made of anything but a SHA-256."""
    with pytest.raises(ValueError, match="64 hexadecimal"):
        photo_id("abc")


columns = st.text(min_size=1).filter(lambda name: name not in RESERVED)


@given(
    st.text(min_size=1),
    st.integers(1, 10_000),
    st.dictionaries(columns, st.integers(-9, 9) | st.text()),
)
def test_a_photo_comes_back_from_its_payload(
    name: str, width: int, payload: dict[str, object]
) -> None:
    """What is written is what is read."""
    photo = Photo(
        name, "file:///a.jpg", SHA, width, 1, datetime(2026, 1, 1, tzinfo=UTC), payload=payload
    )
    assert Photo.from_payload(photo.to_payload()) == photo


def test_all_that_is_known_of_a_photo_comes_back() -> None:
    """A phone's photo: place, time with its zone, camera, stars, and what the model sees."""
    then = datetime(2024, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    photo = Photo(
        "",
        "file:///a.jpg",
        SHA,
        4,
        3,
        folder="2024/summer",
        file_name="a.jpg",
        bytes=5,
        modified_at=then,
        taken_at=then,
        camera="Pear 7",
        location=GeoPoint(47.0, 8.5),
        rating=-1,
        phash="0f" * 8,
        burst=photo_id(SHA),
        seen=SeenClass("cat", 0.9),
    )
    payload = photo.to_payload()
    assert Photo.from_payload(payload) == photo
    assert payload["folders"] == ["2024", "2024/summer"]
    assert "class" not in payload


def test_reserved_columns_are_refused() -> None:
    """A source's column cannot overwrite the photo's own fields."""
    with pytest.raises(ValueError, match="uri"):
        Photo("cat", "file:///a.jpg", SHA, 1, 1, payload={"uri": "x"})


def filled(query: Nearest) -> grpc.QueryPoints:
    """Return the query as Qdrant gets it."""
    message = grpc.QueryPoints()
    query.fill(message, "photos")
    return message


def test_an_empty_filter_is_none() -> None:
    """Qdrant is not asked to filter where every photo counts."""
    assert not filled(Nearest(vector=(1.0,))).HasField("filter")


def test_a_filter_is_what_the_client_makes_of_its_models() -> None:
    """Classes wanted and unwanted, equals, one of and ranges: message by message."""
    conditions = (
        FieldCondition("place", "zoo"),
        FieldCondition("year", 2020),
        FieldCondition("sharp", True),  # noqa: FBT003 - a value
        FieldCondition("place", AnyOf(("zoo", "farm"))),
        FieldCondition("year", AnyOf((2020, 2021))),
        FieldCondition("size", Range(gt=0.0, lte=2.5)),
    )
    query = Nearest(vector=(1.0,), filter=Filter(("cat", "dog"), ("cow",), conditions))
    match = [
        models.MatchValue(value="zoo"),
        models.MatchValue(value=2020),
        models.MatchValue(value=True),
        models.MatchAny(any=["zoo", "farm"]),
        models.MatchAny(any=[2020, 2021]),
    ]
    expected = models.Filter(
        must=[
            models.FieldCondition(key="class", match=models.MatchAny(any=["cat", "dog"])),
            *(
                models.FieldCondition(key=condition.field, match=wanted)
                for condition, wanted in zip(conditions, match, strict=False)
            ),
            models.FieldCondition(key="size", range=models.Range(gt=0.0, lte=2.5)),
        ],
        must_not=[models.FieldCondition(key="class", match=models.MatchAny(any=["cow"]))],
    )
    assert filled(query).filter == RestToGrpc.convert_filter(expected)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Range, {}),
        (Range, {"gt": 1.0, "lt": datetime(2026, 1, 1, tzinfo=UTC)}),
        (AnyOf, {"values": ()}),
        (AnyOf, {"values": (1, "a")}),
        (AnyOf, {"values": (True, False)}),
        (GeoRadius, {"center": GeoPoint(0, 0), "radius": 0}),
        (GeoBoundingBox, {"top_left": GeoPoint(0, 0), "bottom_right": GeoPoint(1, 1)}),
        (GeoPoint, {"lat": 91, "lon": 0}),
    ],
)
def test_what_a_field_is_compared_with_makes_sense(kind: type, values: dict[str, object]) -> None:
    """No bound, mixed types, no area and no place are refused."""
    with pytest.raises(ValueError, match=r"give|must"):
        kind(**values)


def test_times_places_and_folders_are_what_the_client_makes_of_its_models() -> None:
    """A span of time, a circle, a box, folders and what the model sees: message by message."""
    then = datetime(2024, 7, 1, tzinfo=UTC)
    query = Nearest(
        vector=(1.0,),
        filter=Filter(
            fields=(
                FieldCondition("taken_at", Range(gte=then)),
                FieldCondition("location", GeoRadius(GeoPoint(47, 8), 500)),
                FieldCondition("location", GeoBoundingBox(GeoPoint(48, 7), GeoPoint(46, 9))),
            ),
            folders=("2024",),
            seen_classes=("cat",),
        ),
    )
    box = models.GeoBoundingBox(
        top_left=models.GeoPoint(lat=48, lon=7), bottom_right=models.GeoPoint(lat=46, lon=9)
    )
    circle = models.GeoRadius(center=models.GeoPoint(lat=47, lon=8), radius=500)
    expected = models.Filter(
        must=[
            models.FieldCondition(key="folders", match=models.MatchAny(any=["2024"])),
            models.FieldCondition(key="seen_class", match=models.MatchAny(any=["cat"])),
            models.FieldCondition(key="taken_at", range=models.DatetimeRange(gte=then)),
            models.FieldCondition(key="location", geo_radius=circle),
            models.FieldCondition(key="location", geo_bounding_box=box),
        ]
    )
    assert filled(query).filter == RestToGrpc.convert_filter(expected)


def test_more_like_this_leaves_the_photo_itself_out() -> None:
    """A photo's own id is excluded from its answer."""
    request = filled(Nearest(photo_id=photo_id(SHA)))
    (excluded,) = request.filter.must_not
    assert [point.uuid for point in excluded.has_id.has_id] == [photo_id(SHA)]


def test_likes_and_dislikes_make_a_recommendation() -> None:
    """The sketch counts as one of the positives."""
    query = Nearest(vector=(1.0, 0.0), liked=("a",), disliked=("b",))
    recommend = filled(query).query.recommend
    sketch, liked = recommend.positive
    assert (list(sketch.dense.data), liked.id.uuid) == ([1.0, 0.0], "a")
    assert [each.id.uuid for each in recommend.negative] == ["b"]


def test_a_least_score_is_turned_into_a_cosine() -> None:
    """Scores are (1 + cosine) / 2; Qdrant compares cosines."""
    assert filled(Nearest(vector=(1.0,), min_score=0.75)).score_threshold == 0.5


@pytest.mark.parametrize(
    "values",
    [{}, {"vector": (1.0,), "photo_id": "a"}, {"disliked": ("a",)}, {"photo_id": "a", "limit": 0}],
)
def test_a_query_has_one_source(values: dict[str, object]) -> None:
    """Two sources, or none, are refused."""
    with pytest.raises(ValueError, match=r"give|limit"):
        Nearest(**values)  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("class", None, "class must be a string, not None"),
        ("class", 7, "class must be a string, not 7"),
        ("taken_at", 7, "taken_at must be a string"),
        ("location", {"lat": 1.0}, "location must have lat and lon"),
        ("seen_class", "cat", "seen_confidence must be a number"),
        ("rating", 6, "rating must be -1 to 5"),
        ("uri", ["a"], "uri must be a string"),
        ("sha256", "x", "64 hexadecimal"),
        ("width", "640", "width must be a whole number, not '640'"),
        ("height", True, "height must be a whole number, not True"),
        ("ingested_at", "yesterday", "isoformat"),
    ],
)
def test_what_ingest_did_not_write_is_no_photo(field: str, value: object, said: str) -> None:
    """A missing field, or one of another type, is named."""
    payload = {**Photo("cat", "file:///a.jpg", SHA, 4, 3).to_payload(), field: value}
    with pytest.raises(ValueError, match=said):
        Photo.from_payload(payload)
