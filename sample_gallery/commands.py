"""`sketchzoo sample`: draw one, fetch one, list what there is."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sample_gallery.settings import DrawSettings, FetchSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings
from sketchzoo.cli.status import FAILED, REFUSED, end

if TYPE_CHECKING:
    from sample_gallery.fetch import Limits, Report, Row

app = App(
    name="sample",
    help="Draw or fetch photos to try things with: a folder with one folder a class.",
    no_args_is_help=True,
)


@app.command()
@with_settings(DrawSettings)
def draw(
    directory: Annotated[Path, typer.Argument(help="Directory to make.")],
    *,
    settings: DrawSettings,
) -> None:
    """Draw a sample: pictures and sketches of animals, from nothing but a seed.

    None of the pictures is a photograph. The same options write the same files; a second run
    finds them complete and does nothing. Exit status: 0 drawn or already there, 2 bad options,
    3 the directory holds something else.
    """
    from rich.console import Console  # noqa: PLC0415 - loaded when the command runs
    from rich.progress import Progress  # noqa: PLC0415

    from sample_gallery.drawn import CLASSES, FolderError, Plan  # noqa: PLC0415
    from sample_gallery.drawn import draw as draw_sample  # noqa: PLC0415

    names = tuple(name.strip() for name in settings.classes.split(",") if name.strip()) or CLASSES
    try:
        plan = Plan(settings.pictures, settings.sketches, settings.seed, names)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("drawing", total=None)
        try:
            made = draw_sample(
                directory,
                plan,
                workers=settings.workers or min(4, os.cpu_count() or 1),
                replace=settings.replace,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        except FolderError as error:
            end("sample draw", error, REFUSED)
    state = "drawn" if made.fresh else "already complete"
    typer.echo(
        f"{state}: {len(names)} classes, {plan.pictures} pictures and {plan.sketches} sketches "
        f"each, in {directory}"
    )


@app.command()
@with_settings(FetchSettings)
def fetch(
    manifest: Annotated[str, typer.Argument(help="A manifest's name (see list), or a CSV file.")],
    directory: Annotated[Path, typer.Argument(help="Folder to fill; a second run goes on there.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    settings: FetchSettings,
) -> None:
    """Fetch a sample of openly licensed photos, as a manifest names them.

    Writes photo/<class>/ and ATTRIBUTION.csv, which `sketchzoo ingest` reads too, so that author
    and licence reach the hits. Exit status: 0 all photos are there, 1 some could not be had (the
    report says which and why), 2 bad options or manifest, 3 the folder can't be used.
    """
    from sample_gallery.fetch import FolderError, ManifestError, find, read_manifest  # noqa: PLC0415 - loaded when the command runs

    limits = settings.limits()
    try:
        rows = read_manifest(find(manifest), limits)
    except (FileNotFoundError, ManifestError) as error:
        raise typer.BadParameter(str(error)) from error
    try:
        report = _fetched(rows, directory, limits)
    except FolderError as error:
        end("sample fetch", error, REFUSED)
    _show(report, directory, as_json=json)
    if not report.complete:
        raise typer.Exit(FAILED)


def _fetched(rows: "list[Row]", directory: Path, limits: "Limits") -> "Report":
    import asyncio  # noqa: PLC0415 - loaded when the command runs

    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    from sample_gallery.fetch import fetch as fetch_sample  # noqa: PLC0415

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("fetching", total=len(rows))
        return asyncio.run(
            fetch_sample(
                rows,
                directory,
                limits,
                progress=lambda done, _: bar.update(task, completed=done),
            )
        )


def _show(report: "Report", directory: Path, *, as_json: bool) -> None:
    from json import dumps  # noqa: PLC0415 - loaded when the command runs

    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from sketchzoo.cli.tables import show  # noqa: PLC0415

    if as_json:
        typer.echo(dumps(report.as_json(), indent=2, ensure_ascii=False))
        return
    table = Table("outcome", "photos", title=f"{directory}: {report.taken_bytes:,} bytes taken")
    for outcome, count in sorted(report.counts.items()):
        table.add_row(outcome.value, str(count))
    console = Console()
    show(console, table)
    for where, outcome, why in sorted(report.problems):
        console.print(f"{outcome.value}: {where}: {why}", markup=False, soft_wrap=True)


@app.command("list")
def list_samples() -> None:
    """List what can be drawn and which manifests come along."""
    from sample_gallery.drawn import CLASSES  # noqa: PLC0415
    from sample_gallery.fetch import MANIFESTS  # noqa: PLC0415

    typer.echo(f"drawn: {len(CLASSES)} classes: {', '.join(CLASSES)}")
    for name, holds in MANIFESTS.items():
        typer.echo(f"{name}: {holds}")
