"""The command `study`.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

from pathlib import Path
from typing import Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.status import FAILED
from sketchzoo_training.commands._shared import FOLDERS, Photos, Sketches, user_errors

study = App(no_args_is_help=True)


@study.command()
def run_study(
    *,
    data: Annotated[
        Path | None, typer.Option("--data", envvar="SKETCHZOO_STUDY_DATA", help=FOLDERS)
    ] = None,
    photos: Photos = None,
    sketches: Sketches = None,
    out: Annotated[
        Path, typer.Option(envvar="SKETCHZOO_STUDY_OUT", help="Folder for runs, charts and table.")
    ] = Path("runs/study"),
    preset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Preset to train, a pattern such as 'lite0/*', or one of your own files such as "
            "'mine/*.toml'. May be repeated.",
        ),
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="TOML file like the presets to train. May be repeated."),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="TABLE.FIELD=VALUE",
            help="Change a field of all that is trained, for instance budget.steps=20. "
            "May be repeated.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Finished model to measure beside them. May be repeated."
        ),
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
    """Train presets and files of your own, measure them on the test split, draw charts.

    Writes results.json, table.md, a PNG for each question that the rows answer, and the
    model of each run (runs/NAME/model, fit for evaluate --model). Names the model to ship:
    of all within the time and 20 MB, the best P@12 on val; of those within its 95 %
    interval, the fastest. Interrupted, it goes on where it stopped. Ends with status 1
    where a run diverged, or found no memory or no weights; the others run all the same.
    """
    with user_errors("study"):
        from sketchzoo_training.data import data_source  # noqa: PLC0415 - slow to load
        from sketchzoo_training.study.command import StudyOrder, run  # noqa: PLC0415 - slow to load

        order = StudyOrder(
            source=data_source(data, photos, sketches),
            out=out,
            patterns=preset or (),
            configs=config or (),
            changes=change or (),
            models=model or (),
            most_milliseconds=most_milliseconds,
        )
        if not run(order):
            raise typer.Exit(FAILED)
