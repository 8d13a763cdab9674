"""The commands `data inspect` and `data split`.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

from pathlib import Path
from typing import Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo_training.commands._shared import FOLDERS, user_errors

data = App(no_args_is_help=True)

_Folder = Annotated[Path, typer.Argument(metavar="DIR", help=FOLDERS)]


@data.callback()
def _data() -> None:
    """Look through photos and sketches before training on them."""


@data.command("inspect")
def inspect_data(
    folder: _Folder,
    *,
    out: Annotated[
        Path, typer.Option(envvar="SKETCHZOO_DATA_OUT", help="Folder for the PNGs and report.html.")
    ],
) -> None:
    """Count classes, draw sample sheets, find damaged and near-duplicate files.

    Writes `report.html` (one file, pictures included), a PNG of each chart and
    `summary.json`, and prints the summary.
    """
    with user_errors("data inspect"):
        from sketchzoo_training.inspect.command import run  # noqa: PLC0415 - slow to load

        run(folder, out)


@data.command("split")
def split_data(
    folder: _Folder,
    *,
    fractions: Annotated[
        tuple[float, float, float],
        typer.Option(metavar="TRAIN VAL TEST", help="Shares of the three splits; in all 1."),
    ] = (0.7, 0.1, 0.2),
    seed: Annotated[int, typer.Option(help="Seed; the same one draws the same splits.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="Write splits.csv anew.")] = False,
) -> None:
    """Draw train, val and test, and write them as `DIR/splits.csv`.

    A photo and every sketch drawn from it share a split. Files that are added later move
    none of the old ones.
    """
    with user_errors("data split"):
        from sketchzoo_training.data.split_command import run  # noqa: PLC0415 - slow to load

        run(folder, fractions, seed, replace=replace)
