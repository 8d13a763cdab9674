"""`sketchzoo gallery list`, `publish`, `drop` and the like: whole galleries, straight in Qdrant."""

import asyncio
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.options import of_running_stack, output_file, with_settings
from sketchzoo.cli.status import INTERRUPTED, REFUSED, UNUSABLE, end
from sketchzoo_ingest.gallery_commands.running import described, run
from sketchzoo_ingest.gallery_commands.settings import (
    CopySettings,
    ExportSettings,
    GalleriesSettings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sketchzoo.qdrant import QdrantConnection
    from sketchzoo.qdrant.galleries import Galleries, GalleryCollection
    from sketchzoo_ingest.gallery_commands.copying import Copied

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def add_to(app: App) -> None:
    """Add the commands to the group."""
    app.command("list")(list_galleries)
    app.command("publish")(publish)
    app.command("rollback")(rollback)
    app.command("drop")(drop)
    app.command("copy")(copy)
    app.command("export")(export)


@with_settings(GalleriesSettings)
def list_galleries(settings: GalleriesSettings, *, as_json: AsJson = False) -> None:
    """List the galleries in Qdrant: their collections, photos and models' fingerprints.

    A collection that is not published is being filled, or was replaced by another model's; the
    former one is what `rollback` goes back to.
    Exit status: 0 done, 2 wrong usage, 4 Qdrant is away.
    """
    found = _ask("list", settings, lambda galleries: galleries.all_collections())
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    _print_galleries(f"galleries in {described(settings.qdrant_url)}", found)


@with_settings(GalleriesSettings)
def publish(
    settings: GalleriesSettings,
    model: Annotated[
        str, typer.Argument(metavar="FINGERPRINT", help="The model's, as `gallery list` shows it.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Let searches see the gallery as a model has it, in one step.

    Search must have an encoder that serves this model. The collection that searches saw before is
    kept: `rollback` goes back to it, `drop` deletes it. Exit status: 0 done, 2 wrong usage, 3 the
    gallery has no collection of that model, 4 Qdrant is away.
    """
    name = settings.gallery
    found = _ask("publish", settings, lambda galleries: galleries.publish(name, model))
    _print_published(name, found, as_json=as_json)


@with_settings(GalleriesSettings)
def rollback(settings: GalleriesSettings, *, as_json: AsJson = False) -> None:
    """Let searches see the gallery as they saw it before, in one step.

    The way back from a new model, while the old one's collection is kept and an encoder serves
    it. Twice comes to where it was. Exit status: 0 done, 2 wrong usage, 3 there is no such
    collection, 4 Qdrant is away.
    """
    name = settings.gallery
    found = _ask("rollback", settings, lambda galleries: galleries.roll_back(name))
    _print_published(name, found, as_json=as_json)


@with_settings(GalleriesSettings)
def drop(
    settings: GalleriesSettings,
    name: Annotated[str, typer.Argument(metavar="GALLERY", help="The gallery to drop.")],
    *,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FINGERPRINT",
            help="Drop only this model's collection, which searches must not see.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Drop a gallery: its alias and all its collections. Photos' files stay.

    Exit status: 0 done, 2 wrong usage, 3 there is no such gallery, searches see what was to go
    or you said no, 4 Qdrant is away.
    """
    settings = of_running_stack(settings)
    gone = _ask("drop", settings, lambda galleries: galleries.collections(name))
    if model is not None:
        gone = [each for each in gone if each.fingerprint == model]
    if not gone and model is not None:
        message = f"the gallery {name} has no collection of the model {model}"
        end("gallery drop", message, REFUSED)
    if not gone:
        end("gallery drop", f"there is no gallery {name!r} in {settings.qdrant_url}", REFUSED)
    photos = sum(each.photos for each in gone)
    what = f"the gallery {name}" if model is None else f"the collection of the model {model}"
    if not yes and not typer.confirm(
        f"Drop {what}, {photos} photos in {len(gone)} collection(s), "
        f"from {described(settings.qdrant_url)}?",
        err=True,
    ):
        end("gallery drop", "nothing was dropped", REFUSED)
    gone = _ask(
        "drop",
        settings,
        lambda galleries: galleries.drop_model(name, model) if model else galleries.drop(name),
    )
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in gone], indent=2))
        return
    _print_galleries("dropped", gone)


@with_settings(CopySettings)
def copy(
    settings: CopySettings,
    *,
    name: Annotated[
        str | None, typer.Option("--as", help="What the copy is called; as the gallery, if unset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a gallery to another Qdrant, or within one, without embedding again.

    Points go over with embeddings, payload and payload indexes; at the end the counts are
    compared and the alias moves. Cut off, it is run again: what is there is passed over.
    Photos' files stay where they lie. Exit status: 0 done, 2 wrong usage, 3 there is no such
    gallery, or the copy differs from it, 4 a Qdrant is away, 130 stopped.
    """
    settings = of_running_stack(settings)
    name = name or settings.gallery
    if (settings.target_url, name) == (settings.qdrant_url, settings.gallery):
        end("gallery copy", "the copy would be the gallery itself: give --to or --as", UNUSABLE)
    try:
        copied = run("copy", settings, _copying(settings, name))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(asdict(copied), indent=2))
        return
    typer.echo(
        f"{copied.gallery} in {settings.target_url}: {copied.photos} photos "
        f"({copied.written} written, {copied.unchanged} were there, {copied.deleted} deleted)"
    )


@with_settings(ExportSettings)
def export(
    settings: ExportSettings,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", callback=output_file, help="The CSV to write.")
    ],
) -> None:
    """Write a gallery as a table that `sketchzoo ingest` takes: uris, classes, stars, columns.

    To have all of its photos embedded by another model, those that the gallery service keeps
    too: `sketchzoo ingest FILE --manifest-root STORE`. Exit status: 0 done, 2 wrong usage, 3
    there is no such gallery, 4 Qdrant is away.
    """
    settings = of_running_stack(settings)
    photos = run("export", settings, _exporting(settings, file))
    typer.echo(f"{photos} photos of {settings.gallery} in {file}")


async def _exporting(settings: ExportSettings, file: Path) -> int:
    import tempfile  # noqa: PLC0415 - loaded when the command runs

    from sketchzoo.files import write_atomically  # noqa: PLC0415 - as above
    from sketchzoo.qdrant import connect  # noqa: PLC0415 - as above
    from sketchzoo_ingest.gallery_commands.exporting import GalleryTable  # noqa: PLC0415 - as above
    from sketchzoo_ingest.retry import RetryPolicy  # noqa: PLC0415 - as above

    connection = connect(settings)
    try:
        with tempfile.TemporaryFile() as table:
            retry = RetryPolicy(settings.retry_seconds, asyncio.Event())
            photos = await GalleryTable(connection, settings.gallery, retry).write(table)
            table.seek(0)
            write_atomically(file, lambda target: shutil.copyfileobj(table, target))
        return photos
    finally:
        await connection.close()


async def _copying(settings: CopySettings, name: str) -> "Copied":
    from sketchzoo.qdrant import connect  # noqa: PLC0415 - loaded when the command runs
    from sketchzoo_ingest.gallery_commands.copying import GalleryCopy  # noqa: PLC0415 - as above
    from sketchzoo_ingest.retry import RetryPolicy  # noqa: PLC0415 - as above

    source = connect(settings)
    try:
        target = connect(settings.target(name))
        try:
            return await GalleryCopy(
                source,
                target,
                RetryPolicy(settings.retry_seconds, asyncio.Event()),
                gallery=settings.gallery,
                name=name,
                shards=settings.shards,
                delete_others=settings.delete_others,
            ).run()
        finally:
            await target.close()
    finally:
        await source.close()


def _ask(
    command: str,
    settings: GalleriesSettings,
    ask: "Callable[[Galleries], Coroutine[Any, Any, list[GalleryCollection]]]",
) -> "list[GalleryCollection]":
    settings = of_running_stack(settings)

    async def asking() -> "list[GalleryCollection]":
        from sketchzoo.qdrant import connect  # noqa: PLC0415 - loaded when the command runs
        from sketchzoo.qdrant.galleries import Galleries  # noqa: PLC0415 - as above

        connection: QdrantConnection = connect(settings)
        try:
            return await ask(Galleries(connection))
        finally:
            await connection.close()

    return run(command, settings, asking())


def _print_published(name: str, found: "list[GalleryCollection]", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    for each in found:
        if each.is_published:
            typer.echo(f"searches see {name} in {each.collection} ({each.photos} photos)")
        if each.is_former:
            typer.echo(f"{each.collection} ({each.photos} photos) is kept")


def _print_galleries(title: str, found: "list[GalleryCollection]") -> None:
    from rich.console import Console  # noqa: PLC0415 - loaded when the command runs
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    from sketchzoo.cli.tables import show  # noqa: PLC0415 - as above

    table = Table(title=Text(title), title_justify="left")
    for column in ("gallery", "photos", "published", "model", "collection"):
        table.add_column(column, justify="right" if column == "photos" else "left", no_wrap=True)
    for each in found:
        published = "yes" if each.is_published else "former" if each.is_former else "no"
        cells = (each.gallery, str(each.photos), published, each.fingerprint, each.collection)
        table.add_row(*map(Text, cells))
    show(Console(), table)
