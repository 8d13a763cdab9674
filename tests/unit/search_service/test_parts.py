"""Settings, deadlines, admission and thumbnails by themselves."""

import asyncio
import gc
import hashlib
import io
import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image
from prometheus_client import CollectorRegistry

from search_service.deadline import Deadline
from search_service.files import GalleryFiles
from search_service.load_shedding import LoadShedding
from search_service.metrics import SearchMetrics
from search_service.originals import Originals
from search_service.renditions import Rendition, RenditionLimits, Renditions, shrink
from search_service.settings import SearchSettings
from sketchzoo.group.ledger import Ledger
from sketchzoo.images import GivenUpError, ImageError, ImageLimits
from sketchzoo.qdrant import Photo
from sketchzoo.rpc import CallError
from tests.artefacts import picture


def test_roots_are_separated_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """SKETCHZOO_SEARCH_GALLERY_ROOTS holds folders as PATH does."""
    monkeypatch.setenv("SKETCHZOO_SEARCH_GALLERY_ROOTS", os.pathsep.join(["/a", "/b c"]))
    assert SearchSettings().gallery_roots == (Path("/a"), Path("/b c"))
    assert SearchSettings(gallery_roots=("/x",)).gallery_roots == (Path("/x"),)


def test_listens_on_its_own_ports_by_default() -> None:
    """Port 50052 for calls, 9102 for metrics, an encoder on 50051, no roots."""
    settings = SearchSettings()
    assert (settings.port, settings.metrics_port) == (50052, 9102)
    assert settings.encoder_target == "127.0.0.1:50051"
    assert settings.gallery_roots == ()


def test_a_missing_root_stops_the_start(tmp_path: Path) -> None:
    """A root that is not there is named at once, not at the first photo."""
    with pytest.raises(FileNotFoundError, match="no-such"):
        GalleryFiles([tmp_path / "no-such"])


def test_a_share_of_the_time_is_kept_for_the_query() -> None:
    """A quarter of a short time, the reserve of a long one."""
    assert Deadline.after(1.0).for_encoder(0.5) == pytest.approx(0.75, abs=0.05)
    assert Deadline.after(60.0).for_encoder(0.5) == pytest.approx(59.5, abs=0.05)


def test_no_time_left_is_deadline_exceeded() -> None:
    """A deadline that has passed says where."""
    with pytest.raises(CallError, match="while reading"):
        Deadline(time.monotonic() - 1).remaining("reading")


def test_places_are_given_back() -> None:
    """A place is free again however its holder ends."""
    admission = LoadShedding("searches", 1, 0.2)
    for _ in range(3):
        with pytest.raises(ValueError, match="ended"), admission:
            raise ValueError("ended")
    with admission, pytest.raises(CallError) as caught, admission:
        pass
    assert caught.value.code.name == "RESOURCE_EXHAUSTED"
    assert admission.held == 0


def test_slow_answers_leave_fewer_places() -> None:
    """As many as are answered in the wait that is allowed, at the pace of late; five always."""
    admission = LoadShedding("searches", 40, 0.2, wait_seconds=0.06)
    assert admission.places == 40

    def answer(together: int, seconds: float) -> None:
        with ExitStack() as held:
            for _ in range(together):
                beside = held.enter_context(admission)
            for _ in range(200):
                admission.answered(seconds, beside)

    answer(8, 0.02)  # 2.5 ms an answer
    assert admission.places == pytest.approx(24, abs=1)
    answer(4, 4.0)
    assert admission.places == 5
    answer(1, 0.0005)
    assert admission.places == 40


@pytest.mark.parametrize(("burst_seconds", "places"), [(60.0, 15), (0.01, 5)])
def test_a_burst_gets_three_times_the_places_for_a_moment(
    burst_seconds: float, places: int
) -> None:
    """Calls that come soon after an idle moment are let in; later the queue stands."""
    admission = LoadShedding("searches", 40, 0.2, wait_seconds=0.06, burst_seconds=burst_seconds)
    with ExitStack() as held:
        held.enter_context(admission)
        for _ in range(200):
            admission.answered(4.0, 1)
        time.sleep(0.02)
        for _ in range(places - 1):
            held.enter_context(admission)
        with pytest.raises(CallError):
            held.enter_context(admission)


def test_an_idle_moment_begins_a_burst_anew() -> None:
    """Who comes when nobody holds a place finds three times as many, whatever was before."""
    admission = LoadShedding("searches", 40, 0.2, wait_seconds=0.06, burst_seconds=0.01)
    with admission:
        for _ in range(200):
            admission.answered(4.0, 1)
        time.sleep(0.02)
        assert admission.places == 5
    assert admission.places == 15


def at_60_ms(*waits: float) -> LoadShedding:
    """Return places for searches that take 60 ms each, one after the other."""
    admission = LoadShedding("searches", 40, 0.2, *waits)
    for _ in range(200):
        admission.answered(0.06, 1)
    return admission


def test_a_burst_that_fills_its_places_has_ended() -> None:
    """More come than are answered: what lasts waits no longer than ever, until nobody waits."""
    admission = at_60_ms(0.06, 60.0)
    with ExitStack() as held:
        for _ in range(15):
            held.enter_context(admission)
        assert admission.places == 15
        with pytest.raises(CallError), admission:
            pass
        assert admission.places == 5
    assert admission.places == 15


def test_a_queue_that_grows_does_not_look_fast() -> None:
    """Fifteen that come at once are answered one by one: the first did not wait for the last."""
    admission = at_60_ms(0.5)
    assert admission.places == 8
    with ExitStack() as held:
        found = [held.enter_context(admission) for _ in range(8)]
    assert found == list(range(1, 9))
    for _ in range(20):
        for beside in found:
            admission.answered(0.06 * beside, beside)
    assert admission.places == 8


def test_who_finds_no_place_is_told_before_anything_is_done() -> None:
    """Looking takes no place, and is refused as entering is."""
    admission = LoadShedding("searches", 1, 0.2)
    admission.check()
    with admission, pytest.raises(CallError) as caught:
        admission.check()
    assert caught.value.retry_after == pytest.approx(0.2)
    admission.check()


def in_a_group(ledger: Ledger, index: int, limit: int, *waits: float) -> LoadShedding:
    counts = ledger.of(index)
    return LoadShedding(
        "searches",
        limit,
        0.2,
        *waits,
        count=counts.count("searches"),
        idle=counts.moment("searches_idle"),
    )


def test_places_are_those_of_a_group() -> None:
    """What one process has under way leaves the other fewer places; each shows its own."""
    ledger = Ledger.create(2)
    one, two = (in_a_group(ledger, index, 3) for index in range(2))
    with one, one, two:
        for admission in (one, two):
            with pytest.raises(CallError), admission:
                pass
        assert (one.held, two.held) == (2, 1)
    with two, two, two, pytest.raises(CallError), one:
        pass
    ledger.close()


def test_an_answer_is_judged_by_the_calls_of_a_group() -> None:
    """By Little's law: one of four under way that takes 20 ms is one of four in 20 ms."""
    ledger = Ledger.create(2)
    one, two = (in_a_group(ledger, index, 40, 0.06) for index in range(2))
    with one, two, two, two:
        for _ in range(200):
            one.answered(0.02, 4)
        assert one.places == pytest.approx(12, abs=1)
        assert two.places == 40
    ledger.close()


def test_a_burst_begins_when_no_process_of_a_group_holds_a_place() -> None:
    """Who comes later to another process comes to the same burst."""
    ledger = Ledger.create(2)
    one, two = (in_a_group(ledger, index, 40, 0.06, 0.01) for index in range(2))
    for admission in (one, two):
        with admission as beside:
            for _ in range(200):
                admission.answered(4.0, beside)
    with one:
        time.sleep(0.02)
        with two:
            assert two.places == 5
    with two:
        assert one.places == 15
    ledger.close()


def test_a_limit_is_at_least_one() -> None:
    """No places at all is refused by name."""
    with pytest.raises(ValueError, match="limit"):
        LoadShedding("searches", 0, 0.2)
    with pytest.raises(ValueError, match="burst_seconds"):
        LoadShedding("searches", 1, 0.2, burst_seconds=-1)


def test_a_thumbnail_carries_none_of_the_photos_metadata() -> None:
    """What EXIF tells of place and camera stays on the server; its turn is applied."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    file = io.BytesIO()
    Image.new("RGB", (80, 40), "red").save(file, "JPEG", exif=exif, comment=b"at home")
    made = shrink(file.getvalue(), 40, ImageLimits())
    with Image.open(io.BytesIO(made)) as image:
        assert image.size == (20, 40)
        assert not image.getexif()
        assert "comment" not in image.info


def test_what_is_no_image_has_no_thumbnail() -> None:
    """A damaged photo is refused."""
    with pytest.raises(ImageError):
        shrink(picture(1)[:200], 64, ImageLimits())


class Endless:
    """A decoder that ends only when it is told that nobody waits."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def __call__(
        self, content: bytes, limits: ImageLimits, unwanted: Callable[[], bool], *, enough: int
    ) -> None:
        self.begun.set()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if unwanted():
                self.ended.set()
                raise GivenUpError
            time.sleep(0.001)


@pytest.mark.parametrize("how", ["cancelled", "closed"])
async def test_a_thumbnail_that_nobody_waits_for_is_given_up(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread is free at once, and closing waits for no photo that takes long."""
    endless = Endless()
    monkeypatch.setattr("search_service.renditions.decode", endless)
    path = tmp_path / "cat.jpg"
    path.write_bytes(picture(1))
    photo = Photo("cat", path.as_uri(), hashlib.sha256(picture(1)).hexdigest(), 64, 48)
    originals = Originals(GalleryFiles([tmp_path]), ())
    limits = RenditionLimits(original_bytes=1000, room_bytes=1000, cache_bytes=1000, threads=1)
    metrics = SearchMetrics(CollectorRegistry())
    with Renditions(originals, ImageLimits(), limits, metrics) as renditions:
        wanted = asyncio.create_task(renditions.of(photo, 64))
        await asyncio.to_thread(endless.begun.wait, 10)
        if how == "cancelled":
            wanted.cancel()
            assert await asyncio.to_thread(endless.ended.wait, 10)
    assert endless.ended.wait(10)
    with pytest.raises((asyncio.CancelledError, CallError)):
        await wanted


class Slow(Originals):
    """Reads the first photo until another is read beside it, or half a second has passed."""

    def __init__(self, root: Path) -> None:
        super().__init__(GalleryFiles([root]), ())
        self.begun, self.beside = threading.Event(), threading.Event()
        self.inside = self.most = 0

    def read(self, photo: Photo, most: int) -> bytes:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.begun.is_set():
            self.beside.set()
        self.begun.set()
        self.beside.wait(0.5)
        try:
            return super().read(photo, most)
        finally:
            self.inside -= 1


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Slow, Renditions]]:
    originals = Slow(tmp_path)
    limits = RenditionLimits(1000, room_bytes=1000, cache_bytes=100_000, threads=2)
    with Renditions(
        originals, ImageLimits(), limits, SearchMetrics(CollectorRegistry())
    ) as renditions:
        yield originals, renditions


def photo_of(seed: int, path: Path) -> Photo:
    return Photo("cat", path.as_uri(), hashlib.sha256(picture(seed)).hexdigest(), 64, 48, bytes=900)


async def test_a_file_that_is_still_read_keeps_its_room(
    slow: tuple[Slow, Renditions], tmp_path: Path
) -> None:
    """Though nobody waits for it: however many leave, no more are in memory than there is room."""
    originals, renditions = slow
    for seed in (1, 2):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed))
    left = asyncio.create_task(renditions.of(photo_of(1, tmp_path / "1.jpg"), 64))
    assert await asyncio.to_thread(originals.begun.wait, 10)
    left.cancel()
    await asyncio.wait([left])
    assert (await renditions.of(photo_of(2, tmp_path / "2.jpg"), 64)).content
    assert originals.most == 1


async def test_a_copy_is_shown_where_another_has_gone(
    slow: tuple[Slow, Renditions], tmp_path: Path
) -> None:
    """Asked for at the same moment, too: of another gallery's file nothing is told."""
    _, renditions = slow
    (tmp_path / "here.jpg").write_bytes(picture(1))
    gone, here = await asyncio.gather(
        *(renditions.of(photo_of(1, tmp_path / name), 64) for name in ("gone.jpg", "here.jpg")),
        return_exceptions=True,
    )
    assert isinstance(gone, CallError)
    assert isinstance(here, Rendition)


async def test_a_photo_that_is_refused_leaves_memory_at_once(tmp_path: Path) -> None:
    """No error that goes to its caller holds the file, however many fail before a collection."""
    size = 4 * 1024 * 1024
    path = tmp_path / "cat.jpg"
    path.write_bytes(bytes(size))
    digest = hashlib.sha256(bytes(size)).hexdigest()
    originals = Originals(GalleryFiles([tmp_path]), ())
    limits = RenditionLimits(size, size, 1000, threads=1)
    metrics = SearchMetrics(CollectorRegistry())
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        with Renditions(originals, ImageLimits(), limits, metrics) as renditions:
            for side in range(64, 70):
                photo = Photo("cat", path.as_uri(), digest, 64, 48)
                with pytest.raises(CallError, match="not a"):
                    await renditions.of(photo, side)
        assert tracemalloc.get_traced_memory()[0] < 2 * size
    finally:
        tracemalloc.stop()
        gc.enable()
