"""`sketchzoo up`: every part on this machine, until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings
from sketchzoo.cli.settings import UpSettings

app = App()


@app.command()
@with_settings(UpSettings)
def up(
    settings: UpSettings,
    roots: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="Folders of photos that may be shown: those that were ingested.",
        ),
    ] = None,
) -> None:
    """Start encoder, embedded Qdrant, search and the live page; stop them with Ctrl-C.

    Ingest photos with `sketchzoo ingest DIR` from another terminal; search answers
    once a gallery is there.
    """
    from rich.console import Console  # noqa: PLC0415 - loaded when the command runs

    from sketchzoo.cli.parts import compose  # noqa: PLC0415
    from sketchzoo.cli.stack import Stack, StackError  # noqa: PLC0415
    from sketchzoo.cli.waiting import exit_on_sigterm, until_stopped  # noqa: PLC0415

    console = Console(stderr=True)
    parts = compose(settings, [root.resolve() for root in roots or []])
    exit_on_sigterm()
    try:
        with Stack(settings.data / "logs") as stack:
            for part in (parts.qdrant, parts.encoder, parts.search, parts.live):
                stack.start(part)
            for part in (parts.qdrant, parts.encoder):
                stack.wait_serving(part)
            for name, value in parts.environment.items():
                console.print(f"export {name}={value}", highlight=False)
            console.print(f"The page to draw on: http://{parts.live.address}")
            console.print("Ctrl-C stops all.")
            until_stopped(stack)
    except StackError as error:
        console.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error
