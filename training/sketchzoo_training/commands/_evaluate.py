"""The command `evaluate`.

Imports of what is slow to load stand in the functions, so that `--help` is quick.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sketchzoo.call_settings import SearchClientSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import (
    of_running_stack,
    output_file,
    output_file_or_stdout,
    with_settings,
)
from sketchzoo_training.commands._shared import FocusName, user_errors

evaluate = App(no_args_is_help=True)

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
            help="Folder of photos, a folder per class, directly or under photo/; or plugin:NAME. "
            "May be repeated.",
        ),
    ],
    queries: Annotated[
        list[Path],
        typer.Option(
            envvar="SKETCHZOO_EVALUATE_QUERIES",
            help="Folder of sketches, a folder per class, directly or under sketch/; "
            "or plugin:NAME. May be repeated.",
        ),
    ],
    model: Annotated[str, _MODEL] = "zoo-1",
    split: Annotated[
        str | None,
        typer.Option(
            envvar="SKETCHZOO_EVALUATE_SPLIT",
            help="Measure these splits of each folder's splits.csv: test, or val,test.",
        ),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole", help="With --split, take folders without a splits.csv as they are."
        ),
    ] = False,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--classes",
            "--class",
            metavar="<str>",
            help="Measure these classes alone: names with commas between, or the option repeated.",
        ),
    ] = None,
    class_list: Annotated[
        str | None,
        typer.Option(
            envvar="SKETCHZOO_EVALUATE_CLASS_LIST",
            help="Measure the classes on a list: unseen-20, sketchy-21, sketchy-25, tuberlin-30, "
            "or a TOML file.",
        ),
    ] = None,
    among: Annotated[
        Literal["own", "all"],
        typer.Option(
            envvar="SKETCHZOO_EVALUATE_AMONG",
            help="Where sketches of --classes or --class-list look: among their own classes' "
            "photos, or among all.",
        ),
    ] = "own",
    focus: Annotated[
        FocusName | None,
        typer.Option(
            envvar="SKETCHZOO_EVALUATE_FOCUS",
            help="What sketches are after; the model's own default if unset.",
        ),
    ] = None,
    unknown: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="<path>",
            help="Folder of sketches of things that the gallery does not show: how well the best "
            "score tells them. May be repeated.",
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
    """Measure how well sketches find photos of their class, and the one they were drawn from.

    Prints tables, or JSON with `--json`. All figures are shares of 1. Sketches of classes
    that the gallery does not show, and damaged files, are left out and named. Photos that
    are equally near count as if they stood in random order.
    """
    with user_errors("evaluate"):
        from sketchzoo.parts import Focus  # noqa: PLC0415 - slow to load
        from sketchzoo_training.evaluate.command import Request, run  # noqa: PLC0415 - as above
        from sketchzoo_training.evaluate.selection import Choice  # noqa: PLC0415 - as above

        choice = Choice(
            gallery=tuple(gallery),
            queries=tuple(queries),
            split=split,
            whole=whole,
            classes=tuple(classes or ()),
            class_list=class_list,
            among_all=among == "all",
            unknown=tuple(unknown or ()),
        )
        request = Request(
            model=model,
            choice=choice,
            focus=None if focus is None else Focus(focus),
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
