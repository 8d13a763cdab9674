"""Tables on terminals and elsewhere."""

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sketchzoo.cli.tables import show

URI = "file:///srv/photos/" + "a-rather-long-folder/" * 6 + "[1] owl.jpg"


def table(uri: str) -> Table:
    made = Table(title="owl.png", caption="took 3 ms", title_justify="left")
    made.add_column("#", justify="right")
    made.add_column("class")
    made.add_column("photo", no_wrap=True)
    made.add_row("1", "小猫", Text(uri))
    made.add_row("12", "owl", Text("short"))
    return made


def shown(uri: str, *, terminal: bool, width: int = 80) -> list[str]:
    screen = io.StringIO()
    show(Console(file=screen, force_terminal=terminal, width=width, color_system=None), table(uri))
    return screen.getvalue().splitlines()


def test_a_pipe_gets_plain_columns() -> None:
    """No boxes and no colours, nothing folded, nothing after a line's last word."""
    assert shown(URI, terminal=False) == [
        "owl.png",
        " #  class  photo",
        f" 1  小猫   {URI}",
        "12  owl    short",
        "took 3 ms",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_terminal_never_folds_a_uri(width: int) -> None:
    """Where a box would not fit it is left out, so that the URI can be clicked and copied."""
    assert any(URI in line for line in shown(URI, terminal=True, width=width))


def test_a_box_may_wrap_prose() -> None:
    """What is no address is read as well on two lines."""
    screen = io.StringIO()
    made = Table("preset", "about")
    made.add_row("zoo", "a network of its own for sketches, and one for photos " * 3)
    show(Console(file=screen, force_terminal=True, width=80, color_system=None), made)
    assert "┃" in screen.getvalue()


def test_a_terminal_gets_a_box_where_it_fits() -> None:
    """Short rows are easier to read in one."""
    assert any("┃" in line for line in shown("short", terminal=True))
