"""`sketchzoo gallery add`, `delete`, `set` and `status`: photos by the gallery service."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sketchzoo import gallery_names
from sketchzoo.call_settings import GalleryClientSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import of_running_stack, with_settings
from sketchzoo.cli.printable import printable
from sketchzoo.cli.status import AWAY, INTERRUPTED, REFUSED, UNUSABLE, end

if TYPE_CHECKING:
    from collections.abc import Callable

    from sketchzoo.client import AddResult, GalleryClient, NewPhoto

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


class PhotoSettings(GalleryClientSettings):
    """Which gallery of which service is meant."""

    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_GALLERY_CLIENT_")

    gallery: str | None = Field(
        None,
        validation_alias="SKETCHZOO_GALLERY",
        pattern=gallery_names.PATTERN,
        description="The gallery; unset is the service's own.",
    )


def add_to(app: App) -> None:
    """Add the commands to the group."""
    app.command("add")(add)
    app.command("delete")(delete)
    app.command("set")(set_payload)
    app.command("status")(status)


@with_settings(PhotoSettings)
def add(
    settings: PhotoSettings,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO...",
            help="Files, folders with all below them, or uris (https://, s3://, file://); `-` "
            "reads such lines from stdin.",
        ),
    ],
    *,
    class_name: Annotated[
        str, typer.Option("--class", metavar="<str>", help="What people call what they show.")
    ] = "",
    folder: Annotated[
        str, typer.Option(metavar="<str>", help="The folder that they belong to in the gallery.")
    ] = "",
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A column to write of each; the value as JSON, or else text. May be repeated.",
        ),
    ] = None,
    max_bad: Annotated[
        float, typer.Option(min=0, max=1, help="Share of refused photos above which status is 3.")
    ] = 0.5,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each photo.")
    ] = False,
) -> None:
    """Add photos to a gallery; each is found by searches once it is told.

    What is there already is not embedded again and gets what is told of it now, so run it
    again after a failure. Files are sent, uris are read by the service. Exit status: 0 done,
    refused photos are told on stderr; 2 wrong usage; 3 more were refused than --max-bad allows,
    or there was none; 4 the service is away; 130 stopped by Ctrl-C.
    """
    payload = _columns(columns)
    photos = _photos(_named(sources), class_name, folder, payload)
    outcomes: Counter[str] = Counter()

    def adding(client: "GalleryClient") -> None:
        for result in client.add(photos):
            outcomes[result.outcome or "refused"] += 1
            _tell(result, as_json=as_json)

    try:
        _call("add", settings, adding)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    finally:
        if outcomes:
            counts = (f"{count} {name}" for name, count in sorted(outcomes.items()))
            typer.echo(", ".join(counts), err=True)
    total = outcomes.total()
    if not total:
        end("gallery add", "no photo was found", REFUSED)
    if outcomes["refused"] > max_bad * total:
        raise typer.Exit(REFUSED)


@with_settings(PhotoSettings)
def delete(
    settings: PhotoSettings,
    photo_ids: Annotated[
        list[str] | None, typer.Argument(metavar="PHOTO_ID...", help="Photos; or give a filter.")
    ] = None,
    *,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="<str>", help="All of this class; may be repeated."),
    ] = None,
    folders: Annotated[
        list[str] | None,
        typer.Option("--folder", metavar="<str>", help="All in this folder and below."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help="All whose payload says so, as in `query`: 'trip=7', 'rating>=4'.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Delete photos from a gallery, and the files that the service kept of them.

    By ids, or all that meet a filter. Exit status: 0 done, also where there was none; 2 wrong
    usage, 3 refused, 4 the service is away.
    """
    from sketchzoo.cli.where import parse_where  # noqa: PLC0415 - loaded when the command runs

    try:
        wanted = parse_where(where or ())
    except ValueError as error:
        end("gallery delete", f"--where: {error}", UNUSABLE)
    conditions: dict[str, Any] = {
        "classes": classes or (),
        "folders": folders or (),
        "where": wanted,
    }

    def deleting(client: "GalleryClient") -> int:
        if not photo_ids:
            return client.delete(None, **conditions)
        if any(conditions.values()):
            raise ValueError("give photo ids or a filter, not both")
        parts = (photo_ids[start : start + 1000] for start in range(0, len(photo_ids), 1000))
        return sum(client.delete(part) for part in parts)

    deleted = _call("delete", settings, deleting)
    typer.echo(json.dumps({"deleted": deleted}) if as_json else f"{deleted} deleted")


@with_settings(PhotoSettings)
def set_payload(
    settings: PhotoSettings,
    photo_id: Annotated[str, typer.Argument(metavar="PHOTO_ID", help="The photo.")],
    columns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=VALUE...",
            help="Columns to write; the value as JSON, or else text; null takes one away.",
        ),
    ] = None,
    *,
    class_name: Annotated[
        str | None,
        typer.Option("--class", metavar="<str>", help="What people call it; '' takes it away."),
    ] = None,
    rating: Annotated[
        int | None, typer.Option(min=-1, max=5, help="Stars, -1 to 5; 0 takes them away.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change what is kept of a photo: class, stars, columns of your own.

    Exit status: 0 done, 2 wrong usage, 3 there is no such photo or it was refused, 4 the
    service is away.
    """
    payload = _columns(columns)
    changed = _call(
        "set",
        settings,
        lambda client: client.set_payload(
            photo_id, class_name=class_name, rating=rating, payload=payload
        ),
    )
    typer.echo(
        json.dumps({"changed": changed}) if as_json else "changed" if changed else "as it was"
    )


@with_settings(PhotoSettings)
def status(settings: PhotoSettings, *, as_json: AsJson = False) -> None:
    """Tell what a gallery holds and what is under way.

    Exit status: 0 done, 2 wrong usage, 3 refused, 4 the service, the encoder or Qdrant is away.
    """
    from dataclasses import asdict  # noqa: PLC0415 - loaded when the command runs

    told = asdict(_call("status", settings, lambda client: client.status()))
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    for name, value in told.items():
        typer.echo(f"{name.replace('_', ' ')}: {value if value != '' else '(none yet)'}")


def _call(command: str, settings: PhotoSettings, call: "Callable[[GalleryClient], Any]") -> Any:
    from sketchzoo.client import (  # noqa: PLC0415 - loaded when the command runs
        ClientTls,
        GalleryClient,
        SearchError,
        Unavailable,
    )

    settings = of_running_stack(settings)
    token = settings.gallery_token.get_secret_value() if settings.gallery_token else None
    try:
        with GalleryClient(
            settings.gallery_target,
            token=token,
            tls=ClientTls.of(settings),
            gallery=settings.gallery or "",
        ) as client:
            return call(client)
    except Unavailable as error:
        end(f"gallery {command}", f"{settings.gallery_target}: {error}", AWAY)
    except SearchError as error:
        end(f"gallery {command}", f"{settings.gallery_target}: {error}", REFUSED)
    except (TypeError, ValueError, OSError) as error:
        end(f"gallery {command}", error, UNUSABLE)


def _named(sources: Iterable[str]) -> Iterator[str]:
    for source in sources:
        if source != "-":
            yield source
            continue
        for line in sys.stdin:
            if name := line.rstrip("\r\n"):
                yield name


def _photos(
    sources: Iterable[str], class_name: str, folder: str, payload: dict[str, Any]
) -> "Iterator[NewPhoto]":
    from sketchzoo.client import NewPhoto  # noqa: PLC0415 - loaded when the command runs
    from sketchzoo.ignored import may_be_photos  # noqa: PLC0415

    for source in sources:
        if "://" in source or not os.path.isdir(source):  # noqa: PTH112 - a string
            yield NewPhoto(source, class_name, folder, payload=payload)
            continue
        root = Path(source)
        for path in may_be_photos(root):
            below = path.parent.relative_to(root).as_posix()
            # A folder's name may be no UTF-8.
            inner = os.fsencode(below).decode("utf-8", "replace")
            where = "/".join(part for part in (folder.strip("/"), inner) if part not in ("", "."))
            yield NewPhoto(path, class_name, where, payload=payload)


def _columns(texts: list[str] | None) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} must look like NAME=VALUE")
        try:
            columns[name] = json.loads(value)
        except ValueError:
            columns[name] = value
    return columns


def _tell(result: "AddResult", *, as_json: bool) -> None:
    if as_json:
        line: dict[str, Any] = {"photo": result.photo.name}
        if result.ok:
            line |= {"photo_id": result.photo_id, "outcome": result.outcome}
        else:
            line |= {"error": str(result.error)}
        typer.echo(json.dumps(line))
    elif result.ok:
        typer.echo(f"{result.photo_id}  {result.outcome:<9}  {printable(result.photo.name)}")
    else:
        typer.echo(f"refused: {printable(result.photo.name)}: {result.error}", err=True)
