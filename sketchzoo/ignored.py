"""Ignored files: what lies among people's photos and is none, told by its name alone.

Phones, cameras, editors, systems and network drives leave such files and folders. They are
passed over wherever photos are listed: neither photos nor refused ones. So are videos, a
live photo's among them: its still picture lies beside it. A picture in a format that isn't read
here is not ignored: it is refused, and says so.
"""

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path, PurePath


class Ignored(StrEnum):
    """What kind of thing is ignored."""

    SIDECAR = "sidecar"
    """What a phone, a camera or an editor notes about a photo."""
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    SYSTEM_FILE = "system_file"
    SYSTEM_FOLDER = "system_folder"
    """Thumbnails, snapshots, bins: a system's or a network drive's own."""


_ENDINGS = {
    Ignored.SIDECAR: "json xmp aae thm xml yaml yml pp3 dop cos on1 nksc comask arp rpp vrd dr4 "
    "exif gpx kml srt moff modd",
    Ignored.VIDEO: "mov mp4 m4v avi mts m2ts 3gp 3g2 mkv webm mpg mpeg wmv flv vob lrv insv "
    "mp mp~2",  # the last two are of motion photos
    Ignored.AUDIO: "wav mp3 m4a aac amr ogg opus flac wma aif aiff",
    Ignored.DOCUMENT: "txt md rst html htm pdf rtf doc docx odt csv tsv xls xlsx ods ndjson log "
    "nfo url webloc",
    Ignored.SYSTEM_FILE: "db ini lnk tmp bak part crdownload md5 sha1 sha256 sfv lrcat "
    "ctg dat info lock cpi bdm mpl ifo bup",
}
_FILES = {f".{ending}": kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
_PHOTOS = "jpg jpeg jpe jfif mpo insp png apng webp gif bmp dib tif tiff heic heif hif avif jxl jp2"
_RAW = (
    "dng gpr cr2 cr3 crw nef nrw arw srf sr2 raf orf rw2 rwl pef srw x3f raw 3fr fff iiq mrw kdc "
    "dcr mos erf"
)
PICTURES = frozenset(f".{ending}" for ending in f"{_PHOTOS} {_RAW} tga ppm pgm pbm pnm".split())
"""Endings that say that a file is a picture; one without any may be a picture all the same."""
READ = PICTURES - {".jxl", ".jp2", ".tga", ".crw", ".mrw", ".x3f"}
"""Those of formats that are read, as far as an ending tells (docs/images.md)."""
# Compared without case: a drive that was formatted elsewhere may spell them otherwise.
_FOLDERS = frozenset(
    {
        # Synology and QNAP
        "@eadir",
        "@tmp",
        "@recycle",
        "@recently-snapshot",
        "@sharebin",
        "@sharesnap",
        "@synoresource",
        "#recycle",
        "#snapshot",
        # other network drives
        "~snapshot",
        "trashbox",
        "network trash folder",
        "temporary items",
        # Windows
        "$recycle.bin",
        "recycler",
        "recycled",
        "system volume information",
        "found.000",
        # Linux, macOS's archives
        "lost+found",
        "__macosx",
    }
)

_LIBRARY = ".photoslibrary"  # Apple Photos': its own previews and faces lie in it, too
_ORIGINALS = ("originals", "masters")
_PREVIEWS = ".lrdata"  # an editor's catalogue keeps them beside it


def of_file(name: str) -> Ignored | None:
    """Return what a file is by its name, None for what may be a photo."""
    if name == "Icon\r":  # a folder's icon on a Mac
        return Ignored.SYSTEM_FILE
    return _FILES.get(PurePath(name).suffix.lower())


def of_folder(name: str, above: str = "") -> Ignored | None:
    """Return what a folder is by its name and that of the one it lies in.

    None for what may hold photos.
    """
    name = name.casefold()
    known = name in _FOLDERS or name.endswith(_PREVIEWS)
    if above.casefold().endswith(_LIBRARY):
        known = known or name not in _ORIGINALS
    return Ignored.SYSTEM_FOLDER if known else None


def may_be_photos(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and below that may be photos, by name.

    Hidden ones are passed over, and all in hidden folders.
    """
    for above, folders, files in os.walk(folder):
        here = Path(above).name
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and of_folder(name, here) is None
        )
        for name in sorted(files):
            if not name.startswith(".") and of_file(name) is None:
                yield Path(above, name)
