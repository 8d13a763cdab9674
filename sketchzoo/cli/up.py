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

    Ingest photos with `sketchzoo ingest DIR` from another terminal, which finds these
    services by itself; search answers once a gallery is there.

    Exit status: 0 asked to stop, 1 a part failed (the message names it and its log), 2 the
    data folder can't be written, 3 another stack runs on it.
    """
    from rich.console import Console  # noqa: PLC0415 - loaded when the command runs

    from sketchzoo.cli.parts import start, start_page  # noqa: PLC0415
    from sketchzoo.cli.program import program  # noqa: PLC0415
    from sketchzoo.cli.session import session  # noqa: PLC0415
    from sketchzoo.cli.stack import Stack  # noqa: PLC0415

    console = Console(stderr=True, highlight=False, markup=False)
    with (
        session("up", settings.data) as folder,
        Stack(settings.data / "logs", lock=folder.lock) as stack,
    ):
        parts = start(stack, settings, [root.resolve() for root in roots or []])
        page = start_page(stack, settings, parts)
        folder.publish(parts.environment)
        for server in (parts.qdrant, parts.encoder):
            stack.wait_serving(server)
        for moved in settings.moved(parts.ports | {"live": page.port}):
            console.print(moved, soft_wrap=True)
        for name, value in parts.environment.items():
            console.print(f"export {name}={value}", soft_wrap=True)
        console.print(f"The page to draw on: http://{page.address}", soft_wrap=True)
        console.print(f"To fill it: {program()} ingest DIR")
        console.print("Ctrl-C stops all.")
        stack.run_until_stopped()
