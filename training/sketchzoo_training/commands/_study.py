"""The command `study`.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

from pathlib import Path
from typing import Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo_training.commands._shared import FOLDERS, user_errors

study = App(no_args_is_help=True)


@study.command()
def run_study(
    *,
    data_dir: Annotated[
        Path,
        typer.Option(
            "--data",
            envvar="SKETCHZOO_STUDY_DATA",
            help=FOLDERS,
        ),
    ],
    out: Annotated[
        Path, typer.Option(envvar="SKETCHZOO_STUDY_OUT", help="Folder for runs, charts and table.")
    ] = Path("runs/study"),
    preset: Annotated[
        list[str] | None,
        typer.Option(help="Preset to train, or a pattern such as 'lite0/*'. May be repeated."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Finished model to measure beside them. May be repeated."),
    ] = None,
    most_milliseconds: Annotated[
        float,
        typer.Option(
            min=0.1,
            help="Most that a sketch's inference may take for the model to be shipped: "
            "1.1 x EfficientNet-Lite0's at 224 px on this machine.",
        ),
    ] = 13.2,
) -> None:
    """Train presets, measure them on the test split, draw the study's charts.

    Writes results.json, table.md and a PNG for each question, and names the model to
    ship: of all within the time and 20 MB, the best P@12 on val; of those within half a
    point of it, the fastest. Interrupted, it goes on where it stopped.
    """
    with user_errors("study"):
        from sketchzoo_training.study.command import StudyOrder, run  # noqa: PLC0415 - slow to load

        run(StudyOrder(data_dir, out, preset or [], model or [], most_milliseconds))
