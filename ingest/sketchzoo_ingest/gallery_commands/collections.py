"""`sketchzoo gallery info` and `settings`: how a gallery lies in Qdrant, and what is changed."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.options import of_running_stack, with_settings
from sketchzoo.cli.status import UNUSABLE, end
from sketchzoo_ingest.gallery_commands.running import described, run
from sketchzoo_ingest.gallery_commands.settings import GalleriesSettings, SettingsSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sketchzoo.call_settings import QdrantSettings
    from sketchzoo.qdrant.galleries import CollectionFacts

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
# The settings' names where they are options of ingest and of `gallery settings`.
_OPTIONS = {"m": "hnsw_m", "ef_construct": "hnsw_ef_construct", "payload_m": "hnsw_payload_m"}


def add_to(app: App) -> None:
    """Add the commands to the group."""
    app.command("info")(info)
    app.command("settings")(change)


@with_settings(GalleriesSettings)
def info(settings: GalleriesSettings, *, as_json: AsJson = False) -> None:
    """Show what Qdrant has of a gallery: its collection, its index and all settings.

    Settings have the names that they have as options of `sketchzoo gallery settings`. Exit
    status: 0 done, 2 wrong usage, 3 there is no such gallery, 4 Qdrant is away.
    """
    settings = of_running_stack(settings)
    facts = run("info", settings, _facts(settings))
    if as_json:
        typer.echo(json.dumps(_named(facts), indent=2))
        return
    _print(f"{settings.gallery} in {described(settings.qdrant_url)}", facts)


@with_settings(SettingsSettings)
def change(settings: SettingsSettings, *, as_json: AsJson = False) -> None:
    """Change how a gallery's collection lies in Qdrant: what you give, and nothing else.

    Searches go on while Qdrant builds what follows of it; `gallery info` shows how far it is.
    Shards cannot be changed, `gallery copy --as NAME --shards N` makes a new collection. Embedded
    Qdrant changes nothing. Exit status: 0 done, 2 wrong usage, 3 there is no such gallery or
    Qdrant refused, 4 Qdrant is away.
    """
    settings = of_running_stack(settings)
    if not settings.model_fields_set & set(_changeable()):
        end("gallery settings", "give what to change, for instance --replicas 2", UNUSABLE)
    changed, facts = run("settings", settings, _change(settings))
    names = [_OPTIONS.get(name, name) for name in changed]
    if as_json:
        typer.echo(json.dumps({**_named(facts), "changed": names}, indent=2))
        return
    said = f"changed {', '.join(names)}" if names else "is so already"
    _print(f"{settings.gallery} in {described(settings.qdrant_url)}: {said}", facts)


def _changeable() -> list[str]:
    from sketchzoo_ingest.collection_settings import ChangeSettings  # noqa: PLC0415 - as below

    return list(ChangeSettings.model_fields)


async def _facts(settings: "QdrantSettings") -> "CollectionFacts":
    from sketchzoo.qdrant import connect  # noqa: PLC0415 - loaded when the command runs
    from sketchzoo.qdrant.galleries import Galleries  # noqa: PLC0415 - as above

    connection = connect(settings)
    try:
        galleries = Galleries(connection)
        return await galleries.facts(await galleries.published(settings.gallery))
    finally:
        await connection.close()


async def _change(settings: SettingsSettings) -> "tuple[list[str], CollectionFacts]":
    from sketchzoo.qdrant import connect  # noqa: PLC0415 - loaded when the command runs
    from sketchzoo.qdrant.galleries import Galleries  # noqa: PLC0415 - as above

    connection = connect(settings)
    try:
        galleries = Galleries(connection)
        collection = await galleries.published(settings.gallery)
        changed = await galleries.change(collection, settings.change())
        return changed, await galleries.facts(collection)
    finally:
        await connection.close()


def _named(facts: "CollectionFacts") -> dict[str, Any]:
    settings = {_OPTIONS.get(name, name): value for name, value in facts.settings.items()}
    return {**asdict(facts), "settings": settings}


def _rows(facts: "CollectionFacts") -> "Iterator[tuple[str, object]]":
    yield "collection", facts.gallery.collection
    yield "model", facts.gallery.fingerprint
    yield "photos", facts.gallery.photos
    yield "numbers an embedding", facts.gallery.dimension
    yield "status", facts.status
    yield "indexed photos", facts.indexed_vectors
    yield "segments", facts.segments
    yield from _named(facts)["settings"].items()
    yield "indexed fields", ", ".join(f"{name} ({kind})" for name, kind in facts.fields.items())


def _print(title: str, facts: "CollectionFacts") -> None:
    from rich.console import Console  # noqa: PLC0415 - loaded when the command runs
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    from sketchzoo.cli.tables import show  # noqa: PLC0415 - as above

    table = Table(title=Text(title), title_justify="left", show_header=False)
    table.add_column("")
    table.add_column("")
    words = {True: "yes", False: "no", None: "not set"}
    for name, value in _rows(facts):
        shown = words[value] if value is None or isinstance(value, bool) else str(value)
        table.add_row(Text(name), Text(shown))
    show(Console(), table)
