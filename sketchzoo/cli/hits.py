"""Search results on a terminal, as JSON and as rows of a contact sheet."""

from pathlib import Path
from typing import Any

from PIL import Image
from rich.table import Table
from rich.text import Text

from sketchzoo.client import Client, NotFound, NotReady, SearchResult
from sketchzoo.contact_sheet import Row, Tile, contact_sheet
from sketchzoo.images import decode


def table(title: str, result: SearchResult) -> Table:
    """Return a result as a table: hits with scores, and where the time went."""
    caption = "  ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in stages(result))
    if result.hits and result.hits[0].score < result.confident_score:
        caption += "\nnothing here looks much like it"
    made = Table(title=Text(title), caption=caption, title_justify="left", caption_justify="left")
    made.add_column("#", justify="right", no_wrap=True)
    made.add_column("class", no_wrap=True)
    made.add_column("score", justify="right", no_wrap=True)
    made.add_column("photo", no_wrap=True)
    for rank, hit in enumerate(result.hits, 1):
        # As plain text: brackets in a name are no markup.
        made.add_row(str(rank), Text(hit.class_name), f"{hit.score:.3f}", Text(hit.uri))
    return made


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
            }
            for hit in result.hits
        ],
    }


def row(query: Tile, result: SearchResult, client: Client, class_name: str | None = None) -> Row:
    """Return a result as a row of a contact sheet; the client fetches the photos.

    Where the query's class is known, each hit is marked right or wrong. A photo that the
    service cannot show, its file being gone for instance, is left blank.
    """
    return Row(
        query,
        [
            Tile(
                _photo(client, hit.photo_id),
                f"{hit.class_name} {hit.score:.2f}",
                None if class_name is None else hit.class_name == class_name,
            )
            for hit in result.hits
        ],
    )


def _photo(client: Client, photo_id: str) -> Image.Image:
    try:
        return decode(client.photo(photo_id, max_side=256).content)
    except (NotFound, NotReady):
        return Image.new("RGB", (1, 1), "white")


def write_sheet(path: Path, query: Path | None, result: SearchResult, client: Client) -> None:
    """Write a contact sheet of one result; a query without a file stays blank."""
    if query is not None:
        tile = Tile(decode(query.read_bytes()), query.name)
    else:
        tile = Tile(Image.new("RGB", (1, 1), "white"), "more like this")
    contact_sheet([row(tile, result, client)]).save(path)
