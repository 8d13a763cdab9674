"""RAW: a camera's file of what its sensor saw, of which the preview is taken.

Whatever the maker's format, the camera lays a JPEG of the developed picture into it; the
largest one is taken. So no format's tables need to be known, and no developer.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from sketchzoo.images._container import Container, turn_of
from sketchzoo.images._exif import directories, first_value
from sketchzoo.images._isobmff import brands, is_media
from sketchzoo.images._jpeg import read_jpeg
from sketchzoo.images._limits import ImageError, Watch

_TIFFS = (b"II*\0", b"MM\0*")
_MAKERS = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW")
"""How files of Olympus, Panasonic and Fujifilm begin."""
_CANON_2 = b"CR\x02"
_COMPRESSION, _PHOTOMETRIC, _DNG_VERSION = 259, 262, 50706
_OF_SENSORS = {(_PHOTOMETRIC, 32803), (_PHOTOMETRIC, 34892)} | {
    (_COMPRESSION, number) for number in (32767, 32769, 32770, 34316, 34713, 65535)
}
"""Tags of a colour filter array, of linear raw data and of makers' own packings."""
_PREVIEW = re.compile(rb"\xff\xd8\xff[\xc0-\xc4\xdb\xdd\xe0-\xef\xfe]")
_CANON_3_TAGS = re.compile(rb"CMT1(?=II\*\0|MM\0\*)")
_MOST_PREVIEWS = 64
_LEAST_BYTES = 1024
_MOST_TOLD = 64 * 1024


def is_raw(content: bytes, watch: Watch) -> bool:
    """Tell whether a file is a camera's RAW file."""
    if content.startswith(_MAKERS):
        return True
    if is_media(content):
        return brands(content)[0] == b"crx "
    if not content.startswith(_TIFFS):
        return False
    if content[8:11] == _CANON_2 or first_value(content, _DNG_VERSION) is not None:
        return True
    return any(
        (tag, value) in _OF_SENSORS
        for directory in directories(content, (_COMPRESSION, _PHOTOMETRIC), watch)
        for tag, value in directory.items()
    )


def read_preview(content: bytes, watch: Watch) -> Container:
    """Return the largest JPEG in a RAW file, turned as the RAW file says.

    Raises:
        ImageError: it has none.
        GivenUpError: by `watch`.

    """
    found = max(_previews(content, watch), key=lambda each: each[0], default=None)
    if found is None:
        raise ImageError("is a RAW file without a preview: develop it first", "not_an_image")
    preview = found[1]
    told = _told(content)
    if not told:
        return preview
    return replace(preview, exif=told, turn=turn_of(told, b""))


def _previews(content: bytes, watch: Watch) -> Iterator[tuple[int, Container]]:
    at = 0
    for _ in range(_MOST_PREVIEWS):
        watch.check()
        start = _PREVIEW.search(content, at)
        if start is None:
            return
        at = start.start() + 1
        with suppress(ImageError):  # bytes of the sensor that look like a JPEG's
            jpeg = read_jpeg(content, watch, start.start())
            size = sum(map(len, jpeg.pieces))
            if jpeg.scans and jpeg.area and size >= _LEAST_BYTES:
                at += size
                yield jpeg.area, jpeg


def _told(content: bytes) -> bytes:
    """Return EXIF data of the RAW file itself; of Canon's third kind its first directory."""
    if not is_media(content):
        return b"" if content.startswith(b"FUJIFILM") else content
    found = _CANON_3_TAGS.search(content, 0, 1024 * 1024)
    return content[found.end() :][:_MOST_TOLD] if found else b""
