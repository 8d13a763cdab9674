"""`sketchzoo query`: a search from a terminal."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_settings import SettingsConfigDict

from sketchzoo.call_settings import SearchClientSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.asked import Classes, Focus, TextWeight, lacking
from sketchzoo.cli.options import of_running_stack, output_file, with_settings
from sketchzoo.cli.status import AWAY, REFUSED, UNUSABLE, end
from sketchzoo.settings import TraceSettings

app = App()


class QuerySettings(SearchClientSettings, TraceSettings):
    """How `sketchzoo query` reaches the search service."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_QUERY_")


@app.command()
@with_settings(QuerySettings)
def query(
    context: typer.Context,
    settings: QuerySettings,
    image: Annotated[
        Path | None, typer.Argument(help="A sketch's image file; with --photo a photo's.")
    ] = None,
    *,
    photo: Annotated[bool, typer.Option("--photo", help="The file is a photo.")] = False,
    photo_id: Annotated[
        str | None, typer.Option(help="More like this photo of the gallery, instead of a file.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="Words for what to find, alone or beside the above."),
    ] = None,
    text_weight: TextWeight = None,
    focus: Focus = None,
    classes: Classes = None,
    excluded: Annotated[
        list[str] | None,
        typer.Option("--not-class", metavar="<str>", help="None of these; may be repeated."),
    ] = None,
    seen: Annotated[
        list[str] | None,
        typer.Option(
            metavar="<str>", help="Only photos on which the model is sure to see one of these."
        ),
    ] = None,
    folders: Annotated[
        list[str] | None,
        typer.Option(
            "--folder",
            metavar="<str>",
            help="Only photos in this folder or below; may be repeated.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Taken then or later: 2024, 2024-07 or 2024-07-31."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Taken no later than on this date.")
    ] = None,
    near: Annotated[
        str | None,
        typer.Option(metavar="LAT,LON,KM", help="Taken within so many kilometres of a place."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Only photos whose field is so: rating>=4, camera='ACME X100', "
            "taken_at=2024-07..2024-08; may be repeated.",
        ),
    ] = None,
    gallery: Annotated[
        str, typer.Option(metavar="<str>", help="Which gallery; the service's own without it.")
    ] = "",
    no_collapse: Annotated[
        bool, typer.Option("--no-collapse", help="Show each photo of a burst, not the nearest.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many photos.")] = 12,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Leave hits of a lower score out.")
    ] = None,
    contact_sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=output_file,
            help="Write a picture of the query and its photos.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    timeout: Annotated[float, typer.Option(min=0.01, help="Deadline in seconds.")] = 10.0,
) -> None:
    """Find the photos that show what a sketch shows, or what words say.

    Exit status: 0 done (also without hits), 2 wrong usage, 3 the search was refused,
    4 the search service is away or the deadline passed.
    """
    import json  # noqa: PLC0415 - loaded when the command runs, so that --help is quick

    from rich.console import Console  # noqa: PLC0415

    from sketchzoo.cli import hits  # noqa: PLC0415
    from sketchzoo.cli.advice import advice  # noqa: PLC0415
    from sketchzoo.cli.known import check_folders, check_names  # noqa: PLC0415
    from sketchzoo.cli.tables import show  # noqa: PLC0415
    from sketchzoo.client import (  # noqa: PLC0415
        Client,
        ClientTls,
        Query,
        SearchError,
        Unavailable,
        Unsupported,
    )
    from sketchzoo.running import described  # noqa: PLC0415
    from sketchzoo.telemetry import span, tracing  # noqa: PLC0415

    _check_source(image, photo_id, text)
    settings = of_running_stack(settings)
    try:
        search = Query(
            sketch=None if photo else image,
            photo=image if photo else None,
            photo_id=photo_id,
            text=text,
            text_weight=text_weight,
            focus=focus,
            classes=tuple(classes or ()),
            excluded_classes=tuple(excluded or ()),
            seen_classes=tuple(seen or ()),
            folders=tuple(folder.strip("/") for folder in folders or ()),
            where=_conditions(where, since, until, near),
            gallery=gallery,
            no_collapse=no_collapse,
            limit=limit,
            min_score=min_score,
            include_payload=as_json,
        )
        with (
            tracing("query", settings.otlp_endpoint, begins=True),
            span("sketchzoo query", "internal"),
            Client(
                settings.search_target,
                token=settings.search_token.get_secret_value() if settings.search_token else None,
                tls=ClientTls.of(settings),
                timeout=timeout,
            ) as client,
        ):
            check_names(client, search)
            check_folders(client, search)
            result = client.search(search)
            if contact_sheet is not None:
                tile = hits.query_tile(search, image)
                hits.write_sheet(contact_sheet, tile, result, client, gallery)
            doubtful = not as_json and hits.is_doubtful(result)
            further = advice(context, search, result, client) if doubtful else []
    except ValueError as error:
        end("query", error, UNUSABLE)
    except Unavailable as error:
        end("query", f"{settings.search_target}: {error}", AWAY)
    except Unsupported as error:
        end("query", lacking(error), REFUSED)
    except SearchError as error:
        end("query", f"{settings.search_target}: {error}", REFUSED)
    if as_json:
        typer.echo(json.dumps(hits.as_json(result), indent=2))
    else:
        asked = " and ".join(str(each) for each in (image, photo_id, search.text) if each)
        title = f"{asked}, in {described(settings.search_target)}"
        console = Console()
        show(console, hits.table(title, result))
        for line in further:
            console.out(line, highlight=False)


def _check_source(image: Path | None, photo_id: str | None, text: str | None) -> None:
    if image is not None and photo_id is not None:
        raise typer.BadParameter("give an image file or --photo-id, not both")
    if image is None and photo_id is None and text is None:
        raise typer.BadParameter("give an image file, --photo-id or --text")
    if image is not None and not image.is_file():
        raise typer.BadParameter(f"{image} is no file", param_hint="image")


def _conditions(
    where: list[str] | None, since: str | None, until: str | None, near: str | None
) -> dict[str, Any]:
    """Return all conditions on fields; ValueError names the option that is wrong."""
    from sketchzoo.cli.where import parse_near, parse_span, parse_where  # noqa: PLC0415

    try:
        conditions = parse_where(where or ())
    except ValueError as error:
        raise ValueError(f"--where: {error}") from error
    added: dict[str, Any] = {}
    if (span := parse_span(since, until)) is not None:
        added["taken_at"] = span
    if near is not None:
        try:
            added["location"] = parse_near(near)
        except ValueError as error:
            raise ValueError(f"--near: {error}") from error
    if twice := conditions.keys() & added.keys():
        raise ValueError(f"--where: {min(twice)} is said by another option already")
    return conditions | added
