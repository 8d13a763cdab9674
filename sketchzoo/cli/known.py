"""What a gallery knows: a typing error in a class's or a folder's name is no empty gallery."""

from collections.abc import Iterable
from difflib import get_close_matches

from sketchzoo.client import Client, Query


def check_names(client: Client, search: Query) -> None:
    """Refuse classes that the gallery has not.

    Raises:
        ValueError: the message says which, and what was likely meant.
        SearchError: the service did not say what it has.

    """
    named = [*search.classes, *search.excluded_classes]
    if not named and not search.seen_classes:
        return
    known = client.list_classes(gallery=search.gallery)
    for name in named:
        _check(name, known.named, "the gallery has no class")
    for name in search.seen_classes:
        _check(name, known.seen, "on no photo of the gallery the model is sure to see")


def check_folders(client: Client, search: Query) -> None:
    """Refuse folders that the gallery has not; raises as `check_names`."""
    for folder in search.folders:
        parent, _, _ = folder.rpartition("/")
        known = client.list_folders(parent, gallery=search.gallery)
        _check(folder, known or client.list_folders(gallery=search.gallery), "there is no folder")


def _check(name: str, known: Iterable[str], problem: str) -> None:
    folded = {each.casefold(): each for each in known}
    if name in folded.values():
        return
    near = get_close_matches(name.casefold(), folded, n=3)
    meant = " or ".join(folded[each] for each in near)
    if meant:
        raise ValueError(f"{problem} {name!r}; did you mean {meant}?")
    has = _some(folded.values())
    raise ValueError(f"{problem} {name!r}; " + (f"it has {has}" if has else "it has none"))


def _some(names: Iterable[str], most: int = 10) -> str:
    each = sorted(names)
    return ", ".join(each[:most]) + (", ..." if len(each) > most else "")
