"""An unsorted library: the fake gallery's photos as a camera and its folders leave them."""

from datetime import UTC, datetime, timedelta

from sketchzoo.search.v1 import search_pb2
from tests.integration.live_demo.fake_search import FakeSearch

FOLDERS = ("2022/Alps", "2022/Lisbon/day 1", "2023/garden", "2024/summer", "phone")
_CAMERAS = ("FUJIFILM X-T30", "Apple iPhone 14")
_FIRST = datetime(2022, 1, 15, 9, 30, tzinfo=UTC)


def unsort(fake: FakeSearch) -> None:
    """Take the classes away, and tell folder, name, date, camera, place and what is seen.

    The photos of one class lie in all folders; of every class the first has 4 alike, and two
    of three are seen for what they show.
    """
    fake.classless = True
    for number, photo in enumerate(fake.photos.values()):
        index = number % 24
        hit = search_pb2.Hit(
            folder=FOLDERS[number % len(FOLDERS)],
            file_name=f"IMG_{1000 + number}.JPG",
            camera=_CAMERAS[number % 2],
            rating=number % 6,
        )
        hit.taken_at.FromDatetime(_FIRST + timedelta(days=5 * number))
        if index % 2:
            hit.location.lat, hit.location.lon = 47.3 + number / 100, 11.4
        if index % 3:
            hit.seen_class, hit.seen_confidence = photo.class_name, 0.97
        hit.payload["burst"] = photo.id
        hit.payload["taken_at"] = (_FIRST + timedelta(days=5 * number)).isoformat()
        fake.known[photo.id] = hit
    by_class: dict[str, list[str]] = {}
    for photo in fake.photos.values():
        by_class.setdefault(photo.class_name, []).append(photo.id)
    for ids in by_class.values():
        first, *others = ids[:5]
        fake.known[first].near_duplicates = len(others)
        for other in others:
            fake.known[other].payload["burst"] = first
