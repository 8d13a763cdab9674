"""`sketchzoo live`: serve the page to draw on, and make its map."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from live_demo.settings import LiveSettings, MapSettings
from sketchzoo.cli.options import with_settings
from sketchzoo.telemetry import configure_logs, tracing

app = typer.Typer(help="Serve the page to draw on.", pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
@with_settings(LiveSettings)
def live(context: typer.Context, settings: LiveSettings) -> None:
    """Serve the page to draw on: draw an animal, get its photos while you draw.

    Needs a search service (`sketchzoo search`). Open the printed address in a browser.
    """
    if context.invoked_subcommand is not None:
        return
    # Imported when it is run, so that help is quick.
    from live_demo.bootstrap import serve  # noqa: PLC0415 - see above

    configure_logs("live", level=settings.log_level, form=settings.log_format)
    try:
        with tracing("live", settings.otlp_endpoint, begins=True):
            asyncio.run(serve(settings))
    except (OSError, ValueError) as error:
        typer.echo(f"sketchzoo live: {error}", err=True)
        raise typer.Exit(1) from error


@app.command("map")
@with_settings(MapSettings)
def make_map(
    out: Annotated[Path, typer.Option(help="File to write.")],
    settings: MapSettings,
) -> None:
    """Lay the gallery out on a plane, for the page's "How it sees".

    Reads the embeddings of the gallery that Qdrant's alias names. Make it anew when
    photos were ingested or the model has changed.
    """
    from live_demo.mapping import make  # noqa: PLC0415 - see above

    configure_logs("live-map", level=settings.log_level, form=settings.log_format)
    raise typer.Exit(asyncio.run(make(settings, out)))
