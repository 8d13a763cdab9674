"""Search results on a terminal, as JSON and as rows of a contact sheet."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from rich.table import Table
from rich.text import Text

from sketchzoo.cli.printable import printable
from sketchzoo.client import Client, Hit, NotFound, NotReady, Query, SearchResult
from sketchzoo.contact_sheet import Row, Tile, contact_sheet
from sketchzoo.images import decode


def table(title: str, result: SearchResult) -> Table:
    """Return a result as a table: hits with scores, and where the time went."""
    caption = "  ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in stages(result))
    if not result.hits:
        caption += "\nno photo found"
    if is_doubtful(result):
        caption += (
            f"\nnothing here looks much like it: from {result.confident_score:.3f} on hits do"
        )
    if any(_is_seen(hit) for hit in result.hits):
        caption += "\nin brackets: what the model is sure to see"
    made = Table(title=Text(title), caption=caption, title_justify="left", caption_justify="left")
    made.add_column("#", justify="right", no_wrap=True)
    columns = [each for each in _COLUMNS if each.always or any(map(each.text, result.hits))]
    for column in columns:
        made.add_column(column.name, justify=column.justify, no_wrap=column.name != "photo")
    for rank, hit in enumerate(result.hits, 1):
        # As plain text: brackets in a name are no markup.
        made.add_row(str(rank), *(Text(printable(column.text(hit))) for column in columns))
    return made


def is_doubtful(result: SearchResult) -> bool:
    """Tell whether the best hit likely shows something else than the query."""
    return bool(result.hits) and result.hits[0].score < result.confident_score


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table: shown where a hit has something to say in it."""

    name: str
    text: Callable[[Hit], str]
    justify: Literal["left", "right"] = "left"
    always: bool = False


def _is_seen(hit: Hit) -> bool:
    return bool(hit.seen_class) and not hit.class_name


def _what(hit: Hit) -> str:
    return f"[{hit.seen_class}]" if _is_seen(hit) else hit.class_name


def _when(hit: Hit) -> str:
    return "" if hit.taken_at is None else f"{hit.taken_at:%Y-%m-%d}"


def _more(hit: Hit) -> str:
    return f"+{hit.near_duplicates}" if hit.near_duplicates else ""


_COLUMNS = (
    _Column("class", _what),
    _Column("score", lambda hit: f"{hit.score:.3f}", "right", always=True),
    _Column("alike", _more, "right"),
    _Column("taken", _when),
    _Column("folder", lambda hit: hit.folder),
    _Column("photo", lambda hit: hit.file_name or hit.uri, always=True),
)


def stages(result: SearchResult) -> list[tuple[str, float]]:
    """Return the stages of a search with their seconds."""
    timings = result.timings
    return [
        (name, getattr(timings, name)) for name in ("decode", "queue", "encode", "query", "total")
    ]


def as_json(result: SearchResult) -> dict[str, Any]:
    """Return a result as JSON's types."""
    return {
        "model_fingerprint": result.model_fingerprint,
        "confident_score": result.confident_score,
        "next_page_token": result.next_page_token,
        "timings_seconds": dict(stages(result)),
        "hits": [
            {
                "photo_id": hit.photo_id,
                "class": hit.class_name,
                "score": hit.score,
                "uri": hit.uri,
                "width": hit.width,
                "height": hit.height,
                "near_duplicates": hit.near_duplicates,
                "seen_class": hit.seen_class,
                "seen_confidence": hit.seen_confidence,
                "folder": hit.folder,
                "file_name": hit.file_name,
                "taken_at": hit.taken_at and hit.taken_at.isoformat(),
                "camera": hit.camera,
                "location": hit.location and {"lat": hit.location.lat, "lon": hit.location.lon},
                "rating": hit.rating,
                "payload": dict(hit.payload),
            }
            for hit in result.hits
        ],
    }


def row(
    query: Tile,
    result: SearchResult,
    client: Client,
    class_name: str | None = None,
    gallery: str = "",
) -> Row:
    """Return a result as a row of a contact sheet; the client fetches the photos.

    Where the query's class is known, each hit is marked right or wrong, but for those of
    which nobody says what they show. A photo that the service cannot show, its file being
    gone for instance, is left blank.
    """

    def is_right(hit: Hit) -> bool | None:
        named = hit.class_name or hit.seen_class
        return named == class_name if named and class_name is not None else None

    return Row(
        query,
        [
            Tile(
                _photo(client, hit.photo_id, gallery),
                f"{_what(hit)} {hit.score:.2f}".lstrip(),
                is_right(hit),
            )
            for hit in result.hits
        ],
    )


def _photo(client: Client, photo_id: str, gallery: str) -> Image.Image:
    try:
        return decode(client.photo(photo_id, max_side=256, gallery=gallery).content)
    except (NotFound, NotReady):
        return Image.new("RGB", (1, 1), "white")


def query_tile(search: Query, image: Path | None) -> Tile:
    """Return what is looked for as a contact sheet shows it; without a file there are its words."""
    picture = Image.new("RGB", (1, 1), "white") if image is None else decode(image.read_bytes())
    source = "" if search.photo_id is None else "more like this"
    named = (source if image is None else image.name, search.text or "")
    return Tile(picture, ", ".join(filter(None, named)))


def write_sheet(
    path: Path, query: Tile, result: SearchResult, client: Client, gallery: str = ""
) -> None:
    """Write a contact sheet of one result."""
    contact_sheet([row(query, result, client, gallery=gallery)]).save(path)
