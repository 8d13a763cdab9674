"""Layouts: whether a folder's folders are classes, or only the order in which photos lie.

People sort photos by what they show (`owl/`, `swan/`), by date (`2024/07`), or not at all: a
phone's export, a camera's card, a network drive. Only the first kind names classes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath

from sketchzoo.ignored import PICTURES
from sketchzoo_ingest.outcome import RefusedError
from sketchzoo_ingest.sources.source import Classes, ClassFrom
from sketchzoo_ingest.sources.tree import Node, Tree

# A data set's photos and the sketches of the same classes, which are no class themselves.
_LEVELS = (("photo", "sketch"), ("photos", "sketches"))
# So many folders are looked into, spread over the names.
_SAMPLE = 16
_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december|"
    "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
# What cameras, phones, systems and people call folders by when and where from, not by what is
# on the photos. A year at a name's end alone is none of it: cars have one.
_BY_DATE = re.compile(
    r"(?:19|20)[0-9]{2}(?![0-9a-z]).*"  # 2023, 2024-07, 2024-07-01 Birthday
    r"|(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-3][0-9])?(?![0-9]).*"  # 202407__, 20240701
    r"|[0-3][0-9](?:[ ._-][01]?[0-9](?:[ ._-](?:(?:19|20)[0-9]{2}))?)?"  # 07, 24.07.2024
    rf"|(?:[0-9]{{1,2}}[ ._-]*)?(?:{_MONTHS})(?:[ ._-]*[0-9]{{1,4}})?"  # 07 July, Jul 2023
    r"|(?:spring|summer|autumn|fall|winter)[ ._-]*(?:19|20)?[0-9]{2}"
    r"|(?:photos?|fotos?|bilder|images|фото)(?: \w+)? (?:19|20)[0-9]{2}",  # Photos from 2023
    re.IGNORECASE,
)
_BY_DEVICE = re.compile(
    r"dcim|[1-9][0-9]{2}(?:[a-z0-9_]{5})?|camera( roll| uploads)?|pictures|"
    r"((my|icloud|google|amazon|apple|all|saved|shared) )?(photos?|images?|pictures)|takeout|"
    r"downloads?|screenshots?|screen recordings|whatsapp.*|telegram.*|signal|instagram|"
    r"snapchat|messenger|viber.*|bluetooth|albums?|archiv(e|es)?|backups?|exports?|imports?|"
    r"scans?|misc|unsorted|originals?|edited|raws?|jpe?gs?|.*\.(photoslibrary|lrlibrary)|"
    r"(apple )?iphone.*|ipad.*|pixel [0-9].*|galaxy s?[0-9].*|(canon|nikon|sony|fuji).*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder that a listing begins at, and where its classes come from."""

    top: str
    classes: Classes


def layout(tree: Tree, class_from: ClassFrom | None) -> Layout:
    """Find a tree's layout; `class_from` is what the operator says of it.

    A folder `photo` with folders in it, or with a folder `sketch` beside it, is taken for a level
    of its own, so that a data set with `photo/` and `sketch/` can be named as it is: the
    first only where its folders are classes.
    """
    inner = {node.name for node in _nodes(tree, tree.top) if node.may_be_folder}
    for photo, sketch in _LEVELS:
        level = tree.inner(tree.top, photo)
        beside = tree.inner(tree.top, sketch)
        if (photo in inner and sketch in inner) or (
            inner == {sketch} and _has_folders(tree, beside)
        ):
            return Layout(level, _classes(tree, level, class_from))
    level = tree.inner(tree.top, _LEVELS[0][0])
    if _LEVELS[0][0] in inner and _has_folders(tree, level):
        classes = _classes(tree, level, class_from)
        if classes.of is ClassFrom.FOLDER:
            return Layout(level, classes)
    return Layout(tree.top, _classes(tree, tree.top, class_from))


def is_class(name: str) -> bool:
    """Tell whether a folder's name may say what is on its photos."""
    return not (_BY_DATE.fullmatch(name) or _BY_DEVICE.fullmatch(name))


def _classes(tree: Tree, top: str, class_from: ClassFrom | None) -> Classes:
    if class_from is not None:
        return Classes(class_from)
    why_not = _why_not(tree, top)
    if why_not:
        return Classes(ClassFrom.NONE, f"{why_not}; --class-from folder takes them all the same")
    return Classes(ClassFrom.FOLDER, "the folders have photos and names of classes")


def _why_not(tree: Tree, top: str) -> str:
    """Return why folders are no classes; empty where they are."""
    folders = []
    away = 0
    for node in _nodes(tree, top):
        if is_picture(node):
            return "photos lie beside the folders"
        if node.is_folder and not node.ignored:
            folders.append(node)
        away += node.may_be_folder and not node.is_folder
    if not folders:
        # A link that leads nowhere may be a class's.
        return "" if away else "there are no folders"
    if 2 * sum(is_class(node.name) for node in folders) <= len(folders):
        return "its folders are called by dates and devices"
    direct = deeper = 0
    for folder in islice(folders, 0, None, -(-len(folders) // _SAMPLE)):
        photos, inner = _inside(tree, folder)
        direct += photos
        deeper += inner and not photos
    return "the photos lie deeper than in the first folders" if deeper > direct else ""


def _inside(tree: Tree, folder: Node) -> tuple[bool, bool]:
    """Tell whether photos and whether folders lie right below a folder."""
    inner = False
    for node in _nodes(tree, folder.path):
        if is_picture(node):
            return True, inner
        inner = inner or node.may_be_folder
    return False, inner


def is_picture(node: Node) -> bool:
    """Tell whether a file's name says that it is a picture."""
    return node.may_be_photo and PurePath(node.name).suffix.lower() in PICTURES


def _has_folders(tree: Tree, folder: str) -> bool:
    return any(node.is_folder and not node.ignored for node in _nodes(tree, folder))


def _nodes(tree: Tree, folder: str) -> Iterable[Node]:
    """Return what lies in a folder; nothing where that cannot be told: the listing will say."""
    try:
        return tree.nodes(folder, follow=True)
    except RefusedError:
        return []
