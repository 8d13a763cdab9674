"""What is asked of a search: options that `query` and `bench` have alike."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from sketchzoo.client import Unsupported

TextWeight = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="How much the words count beside it; 0.5 unless said."),
]
Focus = Annotated[
    Literal["subject", "both", "shape"] | None,
    typer.Option(help="What counts: what is drawn, how it is drawn, or both."),
]
Classes = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="<str>", help="Only these classes; may be repeated."),
]
_OPTIONS = {"query.focus": "--focus", "query.text": "--text"}
"""Which option asks for what a model may lack."""


def lacking(error: "Unsupported") -> str:
    """Return what a model cannot do, said of the option that asked for it."""
    option = _OPTIONS.get(error.field, error.field)
    return f"{option}{error.message.removeprefix(error.field)}"
