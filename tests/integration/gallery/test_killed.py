"""`kill -9` of the gallery service while photos come in, then a start."""

import hashlib
import random
import threading
from pathlib import Path

import pytest

from sketchzoo.client import AddResult, GalleryClient, SearchError
from tests.artefacts import picture
from tests.integration.deploy.ports import free_port
from tests.integration.gallery.points import points
from tests.integration.gallery.service import GalleryService

KILLS = 2
PHOTOS = 40


@pytest.mark.timeout(300)
def test_a_client_sends_again_what_has_no_answer(
    tmp_path: Path, environment: dict[str, str], qdrant_url: str, gallery: str
) -> None:
    """The service is killed and comes back: each photo has its one result, and is there once."""
    contents = [picture(7000 + n, (160, 120)) for n in range(PHOTOS)]
    with (
        GalleryService(tmp_path, environment, port=free_port()) as service,
        GalleryClient(service.target, retries=20) as client,
    ):
        results: list[AddResult] = []
        for result in client.add(contents, window=8):
            results.append(result)
            if len(results) == PHOTOS // 4:
                service.kill()
                service.start(serving=False)
        assert sorted(result.index for result in results) == list(range(PHOTOS))
        assert [result.error for result in results if not result.ok] == []
        assert points(qdrant_url, gallery).keys() == {result.photo_id for result in results}


class Sending:
    """Adds photos in a thread until the service is gone; `answered` says what it promised."""

    def __init__(self, target: str, contents: list[bytes]) -> None:
        self.answered: dict[str, bytes] = {}
        self.several = threading.Event()
        self._wanted = 1 + random.Random(contents[0]).randrange(PHOTOS // 2)
        self._contents = contents
        self._target = target
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        try:
            with GalleryClient(self._target, retries=0, timeout=60) as client:
                for result in client.add(self._contents, window=8):
                    self._note(result)
        except SearchError:
            pass
        finally:
            self.several.set()

    def _note(self, result: AddResult) -> None:
        if result.ok:
            self.answered[result.photo_id] = self._contents[result.index]
        if len(self.answered) >= self._wanted:
            self.several.set()

    def join(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_was_answered_is_never_lost(
    tmp_path: Path, environment: dict[str, str], qdrant_url: str, gallery: str
) -> None:
    """Killed and started again: every photo answered is in the gallery and in the store.

    What was not answered leaves no file without its photo.
    """
    promised: dict[str, bytes] = {}
    moments = random.Random(7)
    with GalleryService(tmp_path, environment) as service:
        for number in range(KILLS):
            contents = [picture(1000 * number + n, (160, 120)) for n in range(PHOTOS)]
            sending = Sending(service.target, contents)
            assert sending.several.wait(120)
            threading.Event().wait(moments.uniform(0.0, 0.05))
            service.kill()
            sending.join()
            promised |= sending.answered
            assert len(sending.answered) < PHOTOS, "it was not killed in the middle"
            service.start()
            there = points(qdrant_url, gallery)
            assert promised.keys() <= there.keys()
            for photo_id, content in promised.items():
                file = Path(there[photo_id]["uri"].removeprefix("file://"))
                assert file.read_bytes() == content
            assert service.leftovers() == []
            kept = {Path(key).stem for key in service.kept()}
            assert kept == {payload["sha256"] for payload in there.values()}
            assert all(
                hashlib.sha256((service.store / key).read_bytes()).hexdigest() == Path(key).stem
                for key in service.kept()
            )
