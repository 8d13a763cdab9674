"""What the options of `sketchzoo model import` mean together."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from model_artefact.tower import Pixels


def need(option: str, given: object, others: Mapping[str, object]) -> None:
    """Refuse options that say nothing without another.

    Raises:
        typer.BadParameter: the message names both.

    """
    if given is None:
        for other, value in others.items():
            if value is not None:
                raise typer.BadParameter(f"{other} is of no use without {option}")


def pixels(mean: str, std: str, size: int | None, prefix: str = "") -> "Pixels":
    """Return how pixels are scaled, as options say whose names begin with `prefix`.

    Raises:
        typer.BadParameter: they are no numbers, or not as many as an image has channels.

    """
    from model_artefact.tower import Pixels  # noqa: PLC0415 - loads the graph's libraries

    try:
        scale = _numbers(f"--{prefix}mean", mean), _numbers(f"--{prefix}std", std)
        return Pixels(*scale, size)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"{option} must be one number, or one a channel with commas between, not {text!r}"
        ) from error
