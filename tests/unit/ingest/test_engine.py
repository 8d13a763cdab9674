"""The engine for a cluster without a cluster: its settings, places for writes, and its absence."""

import asyncio
import sys
import tempfile
from pathlib import Path

import pytest

from sketchzoo_ingest import bootstrap
from sketchzoo_ingest.bootstrap import run
from sketchzoo_ingest.ray import own
from sketchzoo_ingest.settings import IngestSettings
from sketchzoo_ingest.sources import open_source
from sketchzoo_ingest.sources.section import entries, sections
from sketchzoo_ingest.usage import UsageError
from tests.artefacts import picture


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    for number in range(7):
        path = tmp_path / "zoo" / "owl" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    return tmp_path / "zoo"


def test_without_ray_one_line_says_what_to_install(
    zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else of ingest needs it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in [name for name in sys.modules if name.startswith("sketchzoo_ingest.ray.")]:
        if not name.endswith("settings"):
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UsageError, match=r"pip install 'sketchzoo\[ray\]'"):
        run(IngestSettings(engine="ray"), [str(zoo)])


def test_a_cluster_that_cannot_be_begun_is_one_line(
    zoo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The machine's own reason, and no folder is left behind."""

    def begin(*_: object, **__: object) -> None:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(own.subprocess, "Popen", begin)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for module in (bootstrap, own):
        monkeypatch.setattr(module, "prepare", lambda *, own: None)  # noqa: ARG005 - as it is called
    with pytest.raises(UsageError, match="Cannot allocate memory"):
        run(IngestSettings(engine="ray"), [str(zoo)])
    assert not list(tmp_path.glob("sz-ray-*"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"engine": "ray", "watch": True}, "watch needs engine process"),
        ({"engine": "ray", "dry_run": True}, "dry_run needs engine process"),
        ({"dead_letters": "x.parquet"}, "dead_letters needs engine ray"),
        ({"ray_encoders": 1, "ray_encoder_targets": "a:1"}, "give one of both"),
    ],
)
def test_settings_that_exclude_each_other(settings: dict[str, object], told: str) -> None:
    """What an engine cannot do is refused by name."""
    with pytest.raises(ValueError, match=told):
        IngestSettings.model_validate(settings)


def test_a_checkpoint_must_be_named_for_other_machines(zoo: Path) -> None:
    """A folder of this machine is no place for what others are to find."""
    pytest.importorskip("ray", reason="needs the extra ray")
    with pytest.raises(UsageError, match="ray_checkpoint must name a folder"):
        run(IngestSettings(engine="ray", ray_address="elsewhere:6379"), [str(zoo)])


def test_sections_are_the_listing_in_its_order(zoo: Path) -> None:
    """One after the other they list what the source lists; only what changed has a new version."""
    source = open_source(str(zoo))
    cut = list(sections(source, 0, 3))
    assert [entry for section in cut for entry in entries(source, section)] == list(
        source.candidates()
    )
    (zoo / "owl" / "6.jpg").write_bytes(picture(8) + b" ")
    again = list(sections(source, 0, 3))
    assert [one.version == other.version for one, other in zip(cut, again, strict=True)] == [
        True,
        True,
        False,
    ]


async def test_places_are_for_the_whole_job() -> None:
    """Who finds none free waits until one is given back."""
    pytest.importorskip("ray", reason="needs the extra ray")
    from sketchzoo_ingest.ray.board import Board  # noqa: PLC0415 - see above

    board = Board(places=2, hold_seconds=60)
    held = [await board.take_place() for _ in range(2)]
    waiting = asyncio.create_task(board.take_place())
    await asyncio.sleep(0)
    assert not waiting.done()
    await board.give_back(held[0])
    await asyncio.wait_for(waiting, 10)


async def test_a_killed_holders_place_is_free_again() -> None:
    """Nobody gives it back; it is taken from it."""
    pytest.importorskip("ray", reason="needs the extra ray")
    from sketchzoo_ingest.ray.board import Board  # noqa: PLC0415 - see above

    board = Board(places=1, hold_seconds=0.05)
    lost = await board.take_place()
    assert await asyncio.wait_for(board.take_place(), 10) != lost
