"""What others wrote, on a terminal."""

import io

import pytest
import typer
from rich.console import Console

from sketchzoo.cli.hits import table
from sketchzoo.cli.printable import printable
from sketchzoo.cli.status import REFUSED, end
from sketchzoo.cli.tables import show
from sketchzoo.client import Hit, SearchResult, Timings

EVIL = "a\x1b]0;title\x07\n\u202egpj.exe"


@pytest.mark.parametrize("text", ["Löwe im Schnee.jpg", "日本/猫.jpg", "👩‍👧 2024.jpg"])
def test_names_stay_as_they_are(text: str) -> None:
    """Of any language, and what is joined of several characters."""
    assert printable(text) == text


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_name_acts_on_no_terminal(*, is_terminal: bool) -> None:
    """Whichever part of a hit it is; a row stays one."""
    hit = Hit("1", EVIL, 0.5, EVIL, 1, 1, folder=EVIL, file_name=EVIL)
    timings = Timings(decode=0, queue=0, encode=0, query=0, total=0, cached=False)
    result = SearchResult((hit,), "f", "", timings, 0.1, None)
    file = io.StringIO()
    show(Console(file=file, force_terminal=is_terminal, width=200), table("title", result))
    text = file.getvalue()
    assert text.count("�]0;title��") == 3
    assert not {"\x07", "\u202e"} & set(text)
    assert "\x1b]" not in text


def test_an_error_acts_on_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """It may name what the gallery has."""
    with pytest.raises(typer.Exit):
        end("query", f"there is no folder; did you mean {EVIL}?", REFUSED)
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert said.startswith("sketchzoo query: there is no folder; did you mean a�]0;title�\n")
