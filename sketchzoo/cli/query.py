"""`sketchzoo query`: a search from a terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic_settings import SettingsConfigDict

from sketchzoo.call_settings import SearchClientSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import of_running_stack, output_file, with_settings
from sketchzoo.cli.status import AWAY, REFUSED, UNUSABLE, end
from sketchzoo.settings import TraceSettings

if TYPE_CHECKING:
    from sketchzoo.client import Client

app = App()


class QuerySettings(SearchClientSettings, TraceSettings):
    """How `sketchzoo query` reaches the search service."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_QUERY_")


@app.command()
@with_settings(QuerySettings)
def query(
    settings: QuerySettings,
    image: Annotated[
        Path | None, typer.Argument(help="A sketch's image file; with --photo a photo's.")
    ] = None,
    *,
    photo: Annotated[bool, typer.Option("--photo", help="The file is a photo.")] = False,
    photo_id: Annotated[
        str | None, typer.Option(help="More like this photo of the gallery, instead of a file.")
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="<str>", help="Only these classes; may be repeated."),
    ] = None,
    excluded: Annotated[
        list[str] | None,
        typer.Option("--not-class", metavar="<str>", help="None of these; may be repeated."),
    ] = None,
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
    """Find the photos that show what a sketch shows.

    Exit status: 0 done (also without hits), 2 wrong usage, 3 the search was refused,
    4 the search service is away or the deadline passed.
    """
    import json  # noqa: PLC0415 - loaded when the command runs, so that --help is quick

    from rich.console import Console  # noqa: PLC0415

    from sketchzoo.cli import hits  # noqa: PLC0415
    from sketchzoo.cli.tables import show  # noqa: PLC0415
    from sketchzoo.client import (  # noqa: PLC0415
        Client,
        ClientTls,
        Query,
        SearchError,
        Unavailable,
    )
    from sketchzoo.running import described  # noqa: PLC0415
    from sketchzoo.telemetry import span, tracing  # noqa: PLC0415

    if (image is None) == (photo_id is None):
        raise typer.BadParameter("give an image file or --photo-id, one of the two")
    if image is not None and not image.is_file():
        raise typer.BadParameter(f"{image} is no file", param_hint="image")
    settings = of_running_stack(settings)
    try:
        search = Query(
            sketch=None if photo else image,
            photo=image if photo else None,
            photo_id=photo_id,
            classes=tuple(classes or ()),
            excluded_classes=tuple(excluded or ()),
            limit=limit,
            min_score=min_score,
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
            _check_classes(client, [*search.classes, *search.excluded_classes])
            result = client.search(search)
            if contact_sheet is not None:
                hits.write_sheet(contact_sheet, image, result, client)
    except ValueError as error:
        end("query", error, UNUSABLE)
    except Unavailable as error:
        end("query", f"{settings.search_target}: {error}", AWAY)
    except SearchError as error:
        end("query", f"{settings.search_target}: {error}", REFUSED)
    if as_json:
        typer.echo(json.dumps(hits.as_json(result), indent=2))
    else:
        title = f"{image or photo_id}, in {described(settings.search_target)}"
        show(Console(), hits.table(title, result))


def _check_classes(client: "Client", names: Sequence[str]) -> None:
    """Refuse a class that the gallery has not: a typing error is no empty gallery."""
    if not names:
        return
    from difflib import get_close_matches  # noqa: PLC0415 - loaded when the command runs

    known = client.classes()
    for name in names:
        if name in known:
            continue
        folded = {each.casefold(): each for each in known}
        near = get_close_matches(name.casefold(), folded, n=3)
        meant = " or ".join(folded[each] for each in near)
        raise ValueError(
            f"the gallery has no class {name!r}"
            + (f"; did you mean {meant}?" if meant else f"; it has {_some(known)}")
        )


def _some(names: Sequence[str] | dict[str, int], most: int = 10) -> str:
    shown = sorted(names)[:most]
    return ", ".join(shown) + (", ..." if len(names) > most else "")
