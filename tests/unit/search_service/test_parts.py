"""Settings and deadlines by themselves."""

import os
import time
from pathlib import Path

import pytest

from search_service.deadline import Deadline
from search_service.files import GalleryFiles
from search_service.settings import SearchSettings
from sketchzoo.rpc import CallError


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
