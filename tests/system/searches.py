"""Searches from outside the stack, through its published port."""

from pathlib import Path

from sketchzoo.client import Client, ClientTls
from sketchzoo.client.errors import SearchError
from sketchzoo.client.results import SearchResult
from tests.system.stack import Stack, until


def search(
    stack: Stack, drawn: Path, token: str | None = None, tls: ClientTls | None = None
) -> SearchResult:
    """Search with a drawn zebra through the published port."""
    (sketch,) = (drawn / "sketch" / "zebra").iterdir()
    token = token or stack.settings["SEARCH_TOKEN"] or None
    with Client(stack.search_target, token=token, tls=tls, timeout=30) as client:
        return client.search(sketch, limit=3)


def finds(stack: Stack, drawn: Path, tls: ClientTls | None = None) -> bool:
    """Tell whether the zebra finds zebras."""
    try:
        return {hit.class_name for hit in search(stack, drawn, tls=tls).hits} == {"zebra"}
    except SearchError:
        return False


def wait_found(stack: Stack, drawn: Path, tls: ClientTls | None = None) -> None:
    """Wait until the zebra is found; a search that fails meanwhile is asked again."""
    until(lambda: finds(stack, drawn, tls), lambda: search(stack, drawn, tls=tls))
