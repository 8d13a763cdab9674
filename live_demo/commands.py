"""`sketchzoo live`: serve the page to draw on, and make its map."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from live_demo.settings import LiveSettings, MapSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import check_place, of_running_stack, output_file, with_settings
from sketchzoo.cli.status import UNUSABLE, end
from sketchzoo.telemetry import configure_logs, tracing

app = App(help="Serve the page to draw on.")


@app.callback(invoke_without_command=True)
@with_settings(LiveSettings)
def live(context: typer.Context, settings: LiveSettings) -> None:
    """Serve the page to draw on: draw an animal, get its photos while you draw.

    Needs a search service (`sketchzoo search`). Open the printed address in a browser.
    Exit status 2: a port is taken, or an option or a file cannot be used.
    """
    if context.invoked_subcommand is not None:
        return
    # Imported when it is run, so that help is quick.
    from live_demo.bootstrap import serve  # noqa: PLC0415 - see above

    configure_logs("live", level=settings.log_level, form=settings.log_format)
    try:
        check_place("--map-file", settings.map_file)
        with tracing("live", settings.otlp_endpoint, begins=True):
            asyncio.run(serve(settings))
    except (OSError, ValueError) as error:
        end("live", error, UNUSABLE)


@app.command("map")
@with_settings(MapSettings)
def make_map(
    out: Annotated[Path, typer.Option(metavar="FILE", callback=output_file, help="File to write.")],
    settings: MapSettings,
) -> None:
    """Lay the gallery out on a plane, for the page's "How it sees".

    Reads the embeddings of the gallery that Qdrant's alias names. Make it anew when
    photos were ingested or the model has changed. Exit status: 0 done, 3 there is no
    gallery, 4 Qdrant cannot be reached.
    """
    from live_demo.mapping import make  # noqa: PLC0415 - see above

    settings = of_running_stack(settings)
    configure_logs("live-map", level=settings.log_level, form=settings.log_format)
    try:
        status = asyncio.run(make(settings, out))
    except (OSError, ValueError) as error:
        end("live map", error, UNUSABLE)
    raise typer.Exit(status)
