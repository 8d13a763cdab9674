"""The gallery's part of the command line: draw one, fetch one, list what there is."""

import os
from pathlib import Path
from typing import Annotated

import typer

from gallery.settings import DrawSettings
from sketchzoo.cli.options import with_settings

app = typer.Typer(
    name="gallery",
    help="Draw or fetch a gallery: a folder of photos, one folder a class.",
    no_args_is_help=True,
)

REFUSED = 3
"""Exit status: the directory holds something else."""


@app.command()
@with_settings(DrawSettings)
def draw(
    directory: Annotated[Path, typer.Argument(help="Directory to make.")],
    *,
    settings: DrawSettings,
) -> None:
    """Draw a gallery: pictures and sketches of animals, from nothing but a seed.

    None of the pictures is a photograph. The same options write the same files; a second run
    finds them complete and does nothing. Exit status: 0 drawn or already there, 2 bad options,
    3 the directory holds something else.
    """
    from rich.console import Console  # noqa: PLC0415 - loaded when the command runs
    from rich.progress import Progress  # noqa: PLC0415

    from gallery.drawn import CLASSES, GalleryExistsError, Plan  # noqa: PLC0415
    from gallery.drawn import draw as draw_gallery  # noqa: PLC0415

    names = tuple(name.strip() for name in settings.classes.split(",") if name.strip()) or CLASSES
    try:
        plan = Plan(settings.pictures, settings.sketches, settings.seed, names)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("drawing", total=None)
        try:
            made = draw_gallery(
                directory,
                plan,
                workers=settings.workers or min(4, os.cpu_count() or 1),
                replace=settings.replace,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        except GalleryExistsError as error:
            typer.echo(f"sketchzoo gallery draw: {error}", err=True)
            raise typer.Exit(REFUSED) from error
    state = "drawn" if made.fresh else "already complete"
    typer.echo(
        f"{state}: {len(names)} classes, {plan.pictures} pictures and {plan.sketches} sketches "
        f"each, in {directory}"
    )


@app.command("list")
def list_galleries() -> None:
    """List what can be drawn."""
    from gallery.drawn import CLASSES  # noqa: PLC0415

    typer.echo(f"drawn: {len(CLASSES)} classes: {', '.join(CLASSES)}")
