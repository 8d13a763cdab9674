"""The commands `data`, `train`, `evaluate`, `study` and `export`.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.options import (
    of_running_stack,
    output_file,
    output_file_or_stdout,
    with_settings,
)
from sketchzoo.cli.status import AWAY, FAILED, REFUSED, UNUSABLE, end
from sketchzoo.settings import SearchClientSettings

evaluate = App(no_args_is_help=True)


_FOLDERS = "Folder with photo/ and sketch/, a folder per class in each."
_MODEL = typer.Option(
    envvar="SKETCHZOO_MODEL", help="Name of a shipped model, or a model's folder."
)


@evaluate.command()
@with_settings(SearchClientSettings)
def evaluate_model(
    settings: SearchClientSettings,
    *,
    gallery: Annotated[
        list[Path],
        typer.Option(
            envvar="SKETCHZOO_EVALUATE_GALLERY",
            help="Folder of photos, a folder per class, directly or under photo/. May be repeated.",
        ),
    ],
    queries: Annotated[
        list[Path],
        typer.Option(
            envvar="SKETCHZOO_EVALUATE_QUERIES",
            help="Folder of sketches, a folder per class, directly or under sketch/. "
            "May be repeated.",
        ),
    ],
    model: Annotated[str, _MODEL] = "zoo-1",
    split: Annotated[
        str | None,
        typer.Option(
            envvar="SKETCHZOO_EVALUATE_SPLIT",
            help="Measure one split of each folder's splits.csv, for instance test.",
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="<str>",
            help="Measure these classes alone, among their own photos. May be repeated.",
        ),
    ] = None,
    through_service: Annotated[
        bool,
        typer.Option(
            "--through-service",
            help="Measure the search service that runs at --search-target instead of the "
            "library; it must have ingested the gallery.",
        ),
    ] = False,
    json_to: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="FILE",
            callback=output_file_or_stdout,
            help="Write the figures as JSON; - prints them alone on standard output.",
        ),
    ] = None,
    failures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=output_file,
            help="Write a PNG of the sketches that fail worst, with what they got.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            envvar="SKETCHZOO_EVALUATE_WORKERS",
            help="Images embedded (or searches under way) at once; default: one a core.",
        ),
    ] = None,
    deadline_seconds: Annotated[
        float,
        typer.Option(
            min=0.1,
            envvar="SKETCHZOO_EVALUATE_DEADLINE_SECONDS",
            help="Deadline of each call with --through-service.",
        ),
    ] = 30.0,
) -> None:
    """Measure how well sketches find photos of their class: P@12, mAP@all, Recall@1.

    Prints tables, or JSON with `--json`. All figures are shares of 1. Sketches of classes
    that the gallery does not show, and damaged files, are left out and counted.
    """
    with _errors("evaluate"):
        from sketchzoo_training.evaluate.command import Request, run  # noqa: PLC0415 - slow to load

        request = Request(
            model=model,
            gallery=tuple(gallery),
            queries=tuple(queries),
            split=split,
            classes=tuple(classes or ()),
            through=of_running_stack(settings) if through_service else None,
            workers=workers,
            deadline_seconds=deadline_seconds,
            failures=failures,
        )
        report = run(request, quiet=json_to == "-")
        _write_json(report, json_to)


def _write_json(report: dict[str, Any], to: str | None) -> None:
    if to is None:
        return
    text = json.dumps(report, indent=2, allow_nan=False)
    if to == "-":
        sys.stdout.write(text + "\n")
    else:
        Path(to).write_text(text + "\n")


@contextmanager
def _errors(command: str) -> Iterator[None]:
    """End in one line where the user's input, or a service, is at fault."""
    from sketchzoo.model import ModelError  # noqa: PLC0415 - slow to load
    from sketchzoo_training.errors import (  # noqa: PLC0415 - as above
        DivergedError,
        InputError,
        ServiceAwayError,
        ServiceError,
    )

    try:
        yield
    except DivergedError as error:
        end(command, error, FAILED)
    except ServiceAwayError as error:
        end(command, error, AWAY)
    except ServiceError as error:
        end(command, error, REFUSED)
    except (InputError, ModelError) as error:
        end(command, error, UNUSABLE)


train = App(no_args_is_help=True)


@train.command()
def train_network(
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="SKETCHZOO_TRAIN_DATA",
            help=_FOLDERS,
        ),
    ] = None,
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
    with _errors("train"):
        from sketchzoo_training.engine.command import Order, run, show_presets  # noqa: PLC0415 - slow to load

        if list_presets:
            show_presets()
            return
        if data_dir is None:
            raise typer.BadParameter("give --data, the folder with photo/ and sketch/")
        if (preset is None) == (config is None):
            raise typer.BadParameter("give --preset or --config, one of them")
        run(Order(data_dir, preset, config, run_dir, tuple(change or ())))


data = App(no_args_is_help=True)

_Folder = Annotated[Path, typer.Argument(metavar="DIR", help=_FOLDERS)]


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
    with _errors("data inspect"):
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
    with _errors("data split"):
        from sketchzoo_training.data.split_command import run  # noqa: PLC0415 - slow to load

        run(folder, fractions, seed, replace=replace)


study = App(no_args_is_help=True)


@study.command()
def run_study(
    *,
    data_dir: Annotated[
        Path,
        typer.Option(
            "--data",
            envvar="SKETCHZOO_STUDY_DATA",
            help=_FOLDERS,
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
    with _errors("study"):
        from sketchzoo_training.study.command import StudyOrder, run  # noqa: PLC0415 - slow to load

        run(StudyOrder(data_dir, out, preset or [], model or [], most_milliseconds))
