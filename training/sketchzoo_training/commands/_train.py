"""The command `train`.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

from pathlib import Path
from typing import Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo_training.commands._shared import FOLDERS, Photos, Sketches, user_errors

train = App(no_args_is_help=True)


@train.command()
def train_network(
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="SKETCHZOO_TRAIN_DATA",
            help=FOLDERS,
        ),
    ] = None,
    photos: Photos = None,
    sketches: Sketches = None,
    preset: Annotated[
        str | None, typer.Option(envvar="SKETCHZOO_TRAIN_PRESET", help="A preset that ships.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(envvar="SKETCHZOO_TRAIN_CONFIG", help="A TOML file like the presets."),
    ] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            "--run",
            envvar="SKETCHZOO_TRAIN_RUN",
            help="Folder of the run; where one was killed it goes on. Default: runs/PRESET.",
        ),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="TABLE.FIELD=VALUE",
            help="Change a field of the configuration, for instance budget.steps=20. "
            "May be repeated.",
        ),
    ] = None,
    list_presets: Annotated[
        bool, typer.Option("--list", help="List the presets and stop.")
    ] = False,
) -> None:
    """Train a network by a preset or a TOML file; killed runs go on where they stopped.

    Afterwards `RUN/model` (`RUN/zoo-1` with the preset zoo-1) is a model's folder, fit for
    `sketchzoo evaluate --model`.
    """
    with user_errors("train"):
        from sketchzoo_training.recipes.command import TrainRequest, run, show_presets  # noqa: PLC0415 - slow to load

        if list_presets:
            show_presets()
            return
        if (preset is None) == (config is None):
            raise typer.BadParameter("give --preset or --config, one of them")
        from sketchzoo_training.data import data_source  # noqa: PLC0415 - slow to load

        source = data_source(data_dir, photos, sketches)
        run(TrainRequest(source, preset, config, run_dir, tuple(change or ())))
