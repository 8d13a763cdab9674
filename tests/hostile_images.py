"""Image files made to take long, of every format, and layouts that few programs write."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

_PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    """Write a PNG's chunk."""
    checked = kind + body
    return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))


def png(size: tuple[int, int], depth: int, colour: int, rows: bytes, *chunks: bytes) -> bytes:
    """Write a PNG of packed rows (each after its filter's byte), other chunks before them."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows, 1))
    return _PNG + chunk(b"IHDR", header) + b"".join(chunks) + data + chunk(b"IEND", b"")


def jpeg_of_scans(scans: int, side: int = 4096, mode: str = "L", *, first: bool = False) -> bytes:
    """Write a progressive JPEG whose last (or first) scan comes so many times again."""
    file = io.BytesIO()
    Image.new(mode, (side, side), 200).save(file, "JPEG", progressive=True)
    segments = _segments(file.getvalue())
    at = [place for place, segment in enumerate(segments) if segment[1] == 0xDA]
    end = at[0] if first else at[-1]
    head = b"".join(segments[: end + 1])
    return b"\xff\xd8" + head + segments[end] * scans + b"\xff\xd9"


def jpeg_of_markers(segment: bytes, count: int) -> bytes:
    """Write a small JPEG with a segment before its frame so many times."""
    return _jpeg()[:2] + segment * count + _jpeg()[2:]


def png_of_chunks(body: bytes, kind: bytes, count: int) -> bytes:
    """Write a small PNG with a chunk before its pixels so many times."""
    return png((16, 16), 8, 0, bytes(17 * 16), chunk(kind, body) * count)


def png_in_crumbs(side: int, count: int) -> bytes:
    """Write a PNG whose pixels come in chunks of one byte, after empty ones."""
    data = zlib.compress(bytes((1 + side) * side), 1)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    crumbs = [chunk(b"IDAT", data[at : at + 1]) for at in range(len(data))]
    empty = chunk(b"IDAT", b"") * count
    return _PNG + chunk(b"IHDR", header) + empty + b"".join(crumbs) + chunk(b"IEND", b"")


def gif_of_blocks(count: int) -> bytes:
    """Write a GIF with an extension of so many blocks of a byte each."""
    file = io.BytesIO()
    Image.new("L", (16, 16), 200).save(file, "GIF")
    content = file.getvalue()
    at = content.index(b",")
    return content[:at] + b"!\xfe" + b"\x01x" * count + b"\0" + content[at:]


def bmp_of_runs(side: int, run: bytes = b"\x01\x07") -> bytes:
    """Write a BMP in runs of a pixel each."""
    runs = (run * side + b"\0\0") * side
    palette = b"".join(bytes((value, value // 2, 9, 0)) for value in range(256))
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(runs), 0, 0, 256, 0)
    start = 14 + len(info) + len(palette)
    head = b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start)
    return head + info + palette + runs


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("L", (16, 16), 200).save(file, "JPEG")
    return file.getvalue()


def _segments(content: bytes) -> list[bytes]:
    """Cut a JPEG into its segments, each scan with its data."""
    at, found = 2, []
    while content[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at + 1] == 0xDA:
            while content[end] != 0xFF or content[end + 1] in (0, *range(0xD0, 0xD8)):
                end += 1
        found.append(content[at:end])
        at = end
    return found


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a JPEG of 2,000 scans": lambda: jpeg_of_scans(2000),
    "a JPEG of 91 scans in colours": lambda: jpeg_of_scans(90, mode="RGB", first=True),
    "a JPEG of 88 scans in CMYK": lambda: jpeg_of_scans(70, mode="CMYK"),
    "a JPEG of 100,000 tables": lambda: jpeg_of_markers(
        b"\xff\xdb\x00\x43\x00" + bytes(range(1, 65)), 100_000
    ),
    "a JPEG of 1,000,000 notes": lambda: jpeg_of_markers(b"\xff\xe1\x00\x02", 1_000_000),
    "a JPEG of 500,000 notes of the camera": lambda: jpeg_of_markers(
        b"\xff\xe1\x00\x0aExif\0\0ab", 500_000
    ),
    "a PNG of 600,000 chunks": lambda: png_of_chunks(b"", b"xxXx", 600_000),
    "a PNG of 500,000 texts": lambda: png_of_chunks(b"a\0", b"tEXt", 500_000),
    "a PNG of zipped texts": lambda: png_of_chunks(
        b"a\0\0" + zlib.compress(bytes(1_000_000), 9), b"zTXt", 7_000
    ),
    "a PNG of zipped profiles": lambda: png_of_chunks(
        b"a\0\0" + zlib.compress(bytes(1_000_000), 9), b"iCCP", 7_000
    ),
    "a PNG of palettes": lambda: png_of_chunks(bytes(768), b"PLTE", 10_000),
    "a PNG in crumbs": lambda: png_in_crumbs(1024, 600_000),
    "a GIF of 4,000,000 blocks": lambda: gif_of_blocks(4_000_000),
    "a BMP of 4,000,000 runs": lambda: bmp_of_runs(2000),
    "a PGM in plain numbers": lambda: b"P2 4096 4096 255\n" + b"1 " * 4_000_000,
    "a PPM in plain numbers": lambda: b"P3 4096 4096 255\n" + b"1 " * 4_000_000,
    "a PBM in plain numbers": lambda: b"P1 4096 4096\n" + b"1" * 8_000_000,
    "a PBM of comments": lambda: b"P1 4096 4096\n" + b"#\n" * 4_000_000,
    "a PGM of comments": lambda: b"P2 4096 4096 255\n" + b"#\n" * 4_000_000,
    "a PPM of a long comment": lambda: b"P6 #" + b"x" * 8_000_000 + b"\n4 4 255\n" + bytes(48),
    "a PGM of 16 bits": lambda: b"P5 2000 2000 4095\n" + bytes(8_000_000),
    "a PPM of 7 bits": lambda: b"P6 1600 1600 127\n" + bytes(7_680_000),
}
"""Files of at most 8 MiB and 4096 pixels a side that keep a decoder busy."""
