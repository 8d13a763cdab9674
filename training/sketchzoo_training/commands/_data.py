"""The commands `data inspect` and `data split`.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.options import output_file
from sketchzoo_training.commands._shared import FOLDERS, Photos, Sketches, user_errors

data = App(no_args_is_help=True)

_Data = Annotated[Path | None, typer.Argument(metavar="DIR", help=FOLDERS)]


@data.callback()
def _data() -> None:
    """Look through photos and sketches before training on them."""


@data.command("inspect")
def inspect_data(
    folder: _Data = None,
    *,
    photos: Photos = None,
    sketches: Sketches = None,
    out: Annotated[
        Path, typer.Option(envvar="SKETCHZOO_DATA_OUT", help="Folder for the PNGs and report.html.")
    ],
) -> None:
    """Count classes, draw sample sheets, find damaged and near-duplicate files.

    Writes `report.html` (one file, pictures included), a PNG of each chart and
    `summary.json`, and prints the summary.
    """
    with user_errors("data inspect"):
        from sketchzoo_training.data import data_source  # noqa: PLC0415 - slow to load
        from sketchzoo_training.inspect.command import run  # noqa: PLC0415 - slow to load

        run(data_source(folder, photos, sketches), out)


@data.command("split")
def split_data(
    folder: _Data = None,
    *,
    photos: Photos = None,
    sketches: Sketches = None,
    fractions: Annotated[
        tuple[float, float, float],
        typer.Option(metavar="TRAIN VAL TEST", help="Shares of the three splits; in all 1."),
    ] = (0.7, 0.1, 0.2),
    seed: Annotated[int, typer.Option(help="Seed; the same one draws the same splits.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="Write splits.csv anew.")] = False,
) -> None:
    """Draw train, val and test, and write them as `DIR/splits.csv`.

    A photo and every sketch drawn from it share a split. Files that are added later move
    none of the old ones. With --photos and --sketches each of the two folders gets its own.
    """
    with user_errors("data split"):
        from rich.console import Console  # noqa: PLC0415 - slow to load
        from rich.markup import escape  # noqa: PLC0415 - slow to load
        from rich.table import Table  # noqa: PLC0415 - slow to load

        from sketchzoo.cli.tables import show  # noqa: PLC0415 - slow to load
        from sketchzoo.images import Modality  # noqa: PLC0415 - slow to load
        from sketchzoo_training.data import SPLITS, data_source, draw_splits  # noqa: PLC0415 - slow to load

        paths, listing = draw_splits(
            data_source(folder, photos, sketches), fractions, seed, replace=replace
        )
        counts = Counter((file.split, file.modality) for file in listing.files)
        table = Table("split", "photos", "sketches", title=escape(", ".join(map(str, paths))))
        for split in SPLITS:
            table.add_row(split, *(str(counts[split, modality]) for modality in Modality))
        show(Console(), table)
        if listing.left_out:
            show(Console(), listing.left_out.table())


@data.command("pack")
def pack_data(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder that holds zoo/ and perhaps extra/.")
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            envvar="SKETCHZOO_DATA_OUT",
            callback=output_file,
            help="The file, for instance zoo.npz.",
        ),
    ],
    preset: Annotated[
        str, typer.Option(help="The preset that is to learn from it.")
    ] = "zoo-1-towers",
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps what takes minutes, such as a run's cache/."),
    ] = None,
) -> None:
    """Write all that a towers preset learns from as one file, which travels to a GPU.

    It holds lines of drawings and features of photos, no images. `sketchzoo train --data FILE`
    trains from it; the same command with the images exports and measures what was trained.
    """
    with user_errors("data pack"):
        from sketchzoo_training.recipes.towers.pack_command import run  # noqa: PLC0415 - slow to load

        run(folder, preset, out, cache)
