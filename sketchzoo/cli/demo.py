"""`sketchzoo demo`: the whole system on this machine, with a gallery and example sketches."""

from pathlib import Path
from typing import Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings
from sketchzoo.cli.settings import UpSettings

app = App()


@app.command()
@with_settings(UpSettings)
def demo(
    settings: UpSettings,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="A folder of photos with a folder for each class; without it a gallery is drawn.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    once: Annotated[  # noqa: FBT002 - typer's form
        bool, typer.Option("--once", help="Stop after the contact sheet.")
    ] = False,
    sketches: Annotated[int, typer.Option(min=1, max=100, help="How many example sketches.")] = 8,
) -> None:
    """Start every part, ingest a gallery, search with example sketches, show what they find.

    Writes a contact sheet (sketch left, twelve photos right) and leaves the services and
    the live page up until Ctrl-C, or stops after the sheet with --once.

    Exit status: 0 done, 1 a part failed (the message names it and its log), 2 the data folder
    can't be written, 3 another stack runs on it.
    """
    from rich.console import Console  # noqa: PLC0415 - loaded when the command runs

    from sketchzoo.cli.session import session  # noqa: PLC0415
    from sketchzoo.cli.walkthrough import Walkthrough  # noqa: PLC0415

    with session("demo", settings.data) as folder:
        Walkthrough(settings, Console(), photos, sketches).run(folder, once=once)
