"""Layouts: whether a folder's folders are classes, or only the order in which photos lie.

People sort photos by what they show (`owl/`, `swan/`), by date (`2024/07`), or not at all: a
phone's export, a camera's card, a network drive. Only the first kind names classes.
"""

import re
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Look:
    """What one look into a folder tells."""

    path: str
    has_pictures: bool = False
    folders: list[Node] = field(default_factory=list)
    away: list[str] = field(default_factory=list)
    """Names of what may be folders and cannot be told: links to a disk that is away."""

    @property
    def names(self) -> set[str]:
        """The names of what may be a folder."""
        return {*(node.name for node in self.folders), *self.away}


def layout(tree: Tree, class_from: ClassFrom | None) -> Layout:
    """Find a tree's layout; `class_from` is what the operator says of it.

    A folder `photo` with folders in it, or with a folder `sketch` beside it, is taken for a level
    of its own, so that a data set with `photo/` and `sketch/` can be named as it is: the
    first only where its folders are classes.
    """
    top = _look(tree, tree.top)
    for photo, sketch in _LEVELS:
        if (photo in top.names and sketch in top.names) or (
            top.names == {sketch} and _look(tree, tree.inner(tree.top, sketch)).folders
        ):
            level = tree.inner(tree.top, photo)
            return Layout(level, _classes(tree, _look(tree, level), class_from))
    photo, _ = _LEVELS[0]
    if photo in top.names and (inner := _look(tree, tree.inner(tree.top, photo))).folders:
        classes = _classes(tree, inner, class_from)
        if classes.of is ClassFrom.FOLDER:
            return Layout(inner.path, classes)
    return Layout(tree.top, _classes(tree, top, class_from))


def is_class(name: str) -> bool:
    """Tell whether a folder's name may say what is on its photos."""
    return not (_BY_DATE.fullmatch(name) or _BY_DEVICE.fullmatch(name))


def _classes(tree: Tree, top: _Look, class_from: ClassFrom | None) -> Classes:
    if class_from is not None:
        return Classes(class_from)
    if why_not := _why_not(tree, top):
        return Classes(ClassFrom.NONE, f"{why_not}; --class-from folder takes them all the same")
    return Classes(ClassFrom.FOLDER, "the folders have photos and names of classes")


def _why_not(tree: Tree, top: _Look) -> str:
    """Return why folders are no classes; empty where they are."""
    if top.has_pictures:
        return "photos lie beside the folders"
    folders = top.folders
    if not folders:
        return "" if top.away else "there are no folders"
    if 2 * sum(is_class(node.name) for node in folders) <= len(folders):
        return "its folders are called by dates and devices"
    direct = deeper = 0
    for folder in islice(folders, 0, None, -(-len(folders) // _SAMPLE)):
        inside = _look(tree, folder.path, first_picture=True)
        direct += inside.has_pictures
        deeper += bool(inside.names) and not inside.has_pictures
    return "the photos lie deeper than in the first folders" if deeper > direct else ""


def is_picture(node: Node) -> bool:
    """Tell whether a file's name says that it is a picture."""
    return node.may_be_photo and PurePath(node.name).suffix.lower() in PICTURES


def _look(tree: Tree, folder: str, *, first_picture: bool = False) -> _Look:
    """Look into a folder; what cannot be listed tells nothing: the listing will say why."""
    look = _Look(folder)
    try:
        nodes = tree.nodes(folder, follow=True)
    except RefusedError:
        return look
    for node in nodes:
        if node.is_folder and not node.ignored:
            look.folders.append(node)
        elif node.may_be_folder:
            look.away.append(node.name)
        look.has_pictures = look.has_pictures or is_picture(node)
        if first_picture and look.has_pictures:
            break
    return look
