"""Endings: what a kept photo's file is called, by how its content begins.

By the content alone, so that the same photo sent under two names is one file.
"""

HEAD_BYTES = 16
"""How many bytes tell."""

_SIGNATURES = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"II*\x00", "tif"),
    (b"MM\x00*", "tif"),
    (b"FUJIFILM", "raf"),
    (b"BM", "bmp"),
    (b"P", "ppm"),
)
# ISO base media files say which by their brand (ISO/IEC 14496-12, 4.3).
_BRANDS = {b"avif": "avif", b"avis": "avif", b"crx ": "cr3"}
_OTHER = "bin"


def ending(head: bytes) -> str:
    """Return the ending of a file that begins so, without a dot."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "heic")
    return next((name for start, name in _SIGNATURES if head.startswith(start)), _OTHER)
