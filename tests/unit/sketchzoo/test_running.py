"""Where commands find the stack that runs."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
import typer
from pydantic import Field

from sketchzoo.cli.options import of_running_stack
from sketchzoo.running import InUseError, RunningStack, UnclearError, described, find, held
from sketchzoo.settings import Settings

HERE = {"SKETCHZOO_SEARCH_TARGET": "127.0.0.1:1"}
THERE = {"SKETCHZOO_SEARCH_TARGET": "127.0.0.1:2"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr("sketchzoo.running._WAIT_SECONDS", 0.2)
    return tmp_path


def test_without_a_stack_none_is_found() -> None:
    """Then the default ports are what a command calls."""
    assert find() is None


def test_the_stack_of_the_folder_out_is_found() -> None:
    """What runs on ./out is what is meant, whatever else runs."""
    with held(Path("out")) as out, held(Path("other")) as other:
        other.publish(THERE)
        out.publish(HERE)
        assert find() == RunningStack(Path("out"), HERE)
    assert find() is None


def test_the_environment_names_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """SKETCHZOO_UP_DATA is of `up` and of the commands that look for it."""
    monkeypatch.setenv("SKETCHZOO_UP_DATA", "other")
    with held(Path("out")) as out, held(Path("other")) as other:
        other.publish(THERE)
        out.publish(HERE)
        assert find() == RunningStack(Path("other"), THERE)


def test_the_only_stack_is_found_from_anywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who runs one stack means that one."""
    with held(Path("out")) as out:
        out.publish(HERE)
        monkeypatch.chdir(folder)
        found = find()
        assert found == RunningStack(folder / "work" / "out", HERE)


def test_of_several_stacks_none_is_chosen(folder: Path) -> None:
    """The message names them and says how to choose."""
    with ExitStack() as stack:
        for name in ("one", "two"):
            stack.enter_context(held(folder / name)).publish(HERE)
        with pytest.raises(UnclearError, match=r"(one, .*two|two, .*one).*SKETCHZOO_UP_DATA"):
            find()


def test_a_file_that_nobody_holds_is_nobodys(folder: Path) -> None:
    """A stack that was killed leaves its file behind, and a note of it, which goes."""
    with held(Path("out")) as out:
        out.publish(HERE)
        left = Path("out/stack.json").read_bytes()
        (note,) = (folder / "runtime" / "sketchzoo").iterdir()
        kept = note.read_text()
    Path("out/stack.json").write_bytes(left)
    note.write_text(kept)
    assert find() is None
    assert not note.exists()


def test_a_stack_that_starts_is_waited_for_by_its_caller() -> None:
    """It has no addresses yet, and the default ports are not what is meant."""
    with held(Path("out")), pytest.raises(UnclearError, match="starting"):
        find()


def test_a_folder_that_is_held_is_refused(folder: Path) -> None:
    """The message says by which process, and how to choose another."""
    with held(Path("out")) as out:
        out.publish(HERE)
        before = json.loads(Path("out/stack.json").read_text())
        with pytest.raises(InUseError, match=r"process \d+.*--data"), held(Path("out")):
            pass
        assert json.loads(Path("out/stack.json").read_text()) == before
    with held(Path("out")):
        pass


def test_notes_of_another_users_making_are_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder for all, anyone may have made one of that name: a link is not followed."""
    with held(Path("out")) as out:
        out.publish(HERE)
        monkeypatch.chdir(folder)
        notes = folder / "runtime" / "sketchzoo"
        notes.rename(folder / "elsewhere")
        notes.symlink_to(folder / "elsewhere")
        assert find() is None


def test_an_address_is_told_with_its_stack() -> None:
    """What a command acts on is said in words that its user knows."""
    with held(Path("out")) as out:
        out.publish(HERE)
        assert described("127.0.0.1:1") == "127.0.0.1:1 (the stack of out)"
        assert described("127.0.0.1:9") == "127.0.0.1:9"


class Asks(Settings):
    """Settings of a command that calls services."""

    encoder_target: str = Field("here:1", validation_alias="SKETCHZOO_ENCODER_TARGET")
    qdrant_url: str = Field("http://here:2", validation_alias="SKETCHZOO_QDRANT_URL")
    roots: Path | None = Field(None, validation_alias="SKETCHZOO_GALLERY_ROOTS_FILE")


STACK = {
    "SKETCHZOO_SEARCH_TARGET": "there:0",
    "SKETCHZOO_ENCODER_TARGET": "there:1",
    "SKETCHZOO_QDRANT_URL": "http://there:2",
    "SKETCHZOO_GALLERY_ROOTS_FILE": "/there/roots",
}


def test_settings_that_were_not_said_are_the_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said stays; the stack's files are meant where its services all are."""
    assert of_running_stack(Asks()) == Asks()
    with held(Path("out")) as out:
        out.publish(STACK)
        found = Asks(encoder_target="there:1", qdrant_url="http://there:2", roots="/there/roots")
        assert of_running_stack(Asks()) == found
        assert of_running_stack(Asks(roots="/mine")).roots == Path("/mine")
        monkeypatch.setenv("SKETCHZOO_ENCODER_TARGET", "said:1")
        assert of_running_stack(Asks()) == Asks(qdrant_url="http://there:2")


def test_an_unclear_stack_names_the_option() -> None:
    """What to say instead of the folder."""
    with held(Path("out")), pytest.raises(typer.BadParameter, match="or give --encoder-target"):
        of_running_stack(Asks())
