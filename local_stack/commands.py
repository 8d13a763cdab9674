"""`sketchzoo up` and `sketchzoo demo`: the whole system on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from local_stack.settings import UpSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings

up = App()


@up.command()
@with_settings(UpSettings)
def up_all(
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
    """Start encoder, embedded Qdrant, search, gallery service and live page; Ctrl-C stops them.

    Ingest photos with `sketchzoo ingest DIR` from another terminal, which finds these
    services by itself; search answers once a gallery is there.

    Exit status: 0 asked to stop, 1 a part failed (the message names it and its log), 2 the
    data folder can't be written, 3 another stack runs on it.
    """
    from rich.console import Console  # noqa: PLC0415 - loaded when the command runs

    from local_stack.parts import start, start_page  # noqa: PLC0415
    from local_stack.program import program  # noqa: PLC0415
    from local_stack.session import session  # noqa: PLC0415
    from local_stack.stack import Stack  # noqa: PLC0415

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


demo = App()


@demo.command()
@with_settings(UpSettings)
def show(
    settings: UpSettings,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="A folder of photos, sorted by class or not; without it a sample is drawn.",
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
    from rich.console import Console  # noqa: PLC0415 - as above

    from local_stack.session import session  # noqa: PLC0415
    from local_stack.walkthrough import Walkthrough  # noqa: PLC0415

    with session("demo", settings.data) as folder:
        Walkthrough(settings, Console(), photos, sketches).run(folder, once=once)
