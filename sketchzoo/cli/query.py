"""`sketchzoo query`: a search from a terminal."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def query(  # noqa: PLR0917 - typer's form: one parameter an option
    image: Annotated[
        Path | None, typer.Argument(help="A sketch's image file; with --photo a photo's.")
    ] = None,
    target: Annotated[
        str, typer.Option(envvar="SKETCHZOO_SEARCH_TARGET", help="The search service.")
    ] = "127.0.0.1:50052",
    photo: Annotated[bool, typer.Option("--photo", help="The file is a photo.")] = False,  # noqa: FBT002 - typer's form
    photo_id: Annotated[
        str | None, typer.Option(help="More like this photo of the gallery, instead of a file.")
    ] = None,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Only these classes; may be repeated.")
    ] = None,
    excluded: Annotated[
        list[str] | None, typer.Option("--not-class", help="None of these; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many photos.")] = 12,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Leave hits of a lower score out.")
    ] = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Write a picture of the query and its photos.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,  # noqa: FBT002
    token: Annotated[
        str | None, typer.Option(envvar="SKETCHZOO_SEARCH_CALL_TOKEN", help="Bearer token.")
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(envvar="SKETCHZOO_TLS_CA", help="PEM file of the CA to trust: calls by TLS."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.01, help="Deadline in seconds.")] = 10.0,
    otlp_endpoint: Annotated[
        str,
        typer.Option(envvar="SKETCHZOO_OTLP_ENDPOINT", help="Where the trace goes; empty: none."),
    ] = "",
) -> None:
    """Find the photos that show what a sketch shows.

    Exit status: 0 done (also without hits), 2 wrong usage, 3 the search was refused,
    4 the search service is away or the deadline passed.
    """
    import json  # noqa: PLC0415 - loaded when the command runs, so that --help is quick

    from rich.console import Console  # noqa: PLC0415

    from sketchzoo.cli import hits  # noqa: PLC0415
    from sketchzoo.cli.running import described  # noqa: PLC0415
    from sketchzoo.cli.tables import show  # noqa: PLC0415
    from sketchzoo.client import (  # noqa: PLC0415
        Client,
        ClientTls,
        Query,
        SearchError,
        Unavailable,
    )
    from sketchzoo.telemetry import span, tracing  # noqa: PLC0415

    if (image is None) == (photo_id is None):
        raise typer.BadParameter("give an image file or --photo-id, one of the two")
    if image is not None and not image.is_file():
        raise typer.BadParameter(f"{image} is no file", param_hint="image")
    search = Query(
        sketch=None if photo else image,
        photo=image if photo else None,
        photo_id=photo_id,
        classes=tuple(classes or ()),
        excluded_classes=tuple(excluded or ()),
        limit=limit,
        min_score=min_score,
    )
    try:
        with (
            tracing("query", otlp_endpoint, begins=True),
            span("sketchzoo query", "internal"),
            Client(
                target, token=token, tls=ClientTls(ca) if ca else None, timeout=timeout
            ) as client,
        ):
            result = client.search(search)
            if contact_sheet is not None:
                hits.write_sheet(contact_sheet, image, result, client)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except Unavailable as error:
        typer.echo(f"sketchzoo query: {error}", err=True)
        raise typer.Exit(4) from error
    except SearchError as error:
        typer.echo(f"sketchzoo query: {error}", err=True)
        raise typer.Exit(3) from error
    if as_json:
        typer.echo(json.dumps(hits.as_json(result), indent=2))
    else:
        title = f"{image or photo_id}, in {described(target)}"
        show(Console(), hits.table(title, result))
