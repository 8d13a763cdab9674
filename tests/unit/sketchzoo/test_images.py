"""Decoding: every layout, file ends, notes, and files made to take long."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from sketchzoo.images import ImageError, decode, measure
from tests.hostile_images import chunk, png
from tests.unit.sketchzoo.pictures import drawing, farthest, saved

Pixels = npt.NDArray[np.uint8]


def packed(values: Pixels, depth: int) -> bytes:
    """Pack samples into a PNG's rows, each after the byte of its filter."""
    if depth == 16:
        return b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    bits = (values[..., None] >> np.arange(depth)[::-1]) & 1
    return b"".join(b"\0" + np.packbits(row.ravel()).tobytes() for row in bits)


def see_through(depth: int, colour: int, paper: int, ink: int) -> bytes:
    """Write the drawing as a PNG whose paper is its transparent colour."""
    grey = np.asarray(drawing())
    values = np.where(grey > 127, paper, ink)
    if colour == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    clear = struct.pack(">H", paper) * (3 if colour == 2 else 1)
    rows = packed(values.reshape(len(values), -1), depth)
    return png(drawing().size, depth, colour, rows, chunk(b"tRNS", clear))


def see_through_palette(depth: int) -> bytes:
    """Write the drawing as a PNG of a palette in which the paper is transparent."""
    values = np.where(np.asarray(drawing()) > 127, 1, 0).astype(np.uint8)
    palette = chunk(b"PLTE", bytes((0, 0, 0, 30, 60, 90)))
    rows = packed(values, depth)
    return png(drawing().size, depth, 3, rows, palette, chunk(b"tRNS", b"\xff\x00"))


def with_alpha(depth: int, colour: int) -> bytes:
    """Write the drawing as a PNG with an alpha channel: dark paper that is not there."""
    paper = np.asarray(drawing()) > 127
    most = 2**depth - 1
    channels = [np.where(paper, most // 3, 0)] * (1 if colour == 4 else 3)
    values = np.stack([*channels, np.where(paper, 0, most)], axis=-1)
    return png(drawing().size, depth, colour, packed(values.reshape(len(values), -1), depth))


def clear_gif(*, grey: bool) -> bytes:
    """Write the drawing as a GIF whose paper is transparent, with a palette or with greys."""
    image = drawing().point([0] * 128 + [128] * 128)
    if not grey:
        image = image.convert("P")
        image.putpalette([40, 20, 10] * 256)
        image.putpalette([0, 0, 0], "RGB")
    return saved("GIF", image, transparency=128, optimize=False)


LAYOUTS: dict[str, Callable[[], bytes]] = {
    "grey, 1 bit": lambda: see_through(1, 0, 1, 0),
    "grey, 2 bits": lambda: see_through(2, 0, 2, 0),
    "grey, 4 bits": lambda: see_through(4, 0, 8, 0),
    "grey, 8 bits": lambda: see_through(8, 0, 128, 0),
    "grey, 16 bits": lambda: see_through(16, 0, 0x1234, 0),
    "grey, 16 bits, close": lambda: see_through(16, 0, 0x0012, 0x0011),
    "colour, 8 bits": lambda: see_through(8, 2, 0x34, 0),
    "colour, 16 bits": lambda: see_through(16, 2, 0x1234, 0),
    "colour, 16 bits, close": lambda: see_through(16, 2, 0x0012, 0x0011),
    "palette, 1 bit": lambda: see_through_palette(1),
    "palette, 2 bits": lambda: see_through_palette(2),
    "palette, 4 bits": lambda: see_through_palette(4),
    "palette, 8 bits": lambda: see_through_palette(8),
    "grey and alpha, 8 bits": lambda: with_alpha(8, 4),
    "grey and alpha, 16 bits": lambda: with_alpha(16, 4),
    "colour and alpha, 8 bits": lambda: with_alpha(8, 6),
    "colour and alpha, 16 bits": lambda: with_alpha(16, 6),
    "GIF of greys": lambda: clear_gif(grey=True),
    "GIF of a palette": lambda: clear_gif(grey=False),
    "WebP": lambda: saved("WEBP", Image.open(io.BytesIO(with_alpha(8, 6))), lossless=True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_transparent_is_white_in_every_layout(layout: str) -> None:
    """Paper that is not there becomes white, whatever number stands for it."""
    assert farthest(decode(LAYOUTS[layout]()), drawing()) <= 3


def test_what_a_gif_does_not_paint_is_white() -> None:
    """A frame smaller than the canvas leaves the rest as it was: nothing."""
    content = bytearray(saved("GIF", drawing()))
    content[6:10] = struct.pack("<HH", 120, 90)
    image = decode(bytes(content))
    assert image.size == (120, 90)
    assert farthest(image.crop((0, 0, 100, 75)), drawing()) == 0
    assert image.crop((0, 75, 120, 90)).getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("form", ["JPEG", "progressive", "restarts", "grey"])
@pytest.mark.parametrize("lacking", [1, 2])
def test_a_jpeg_without_its_end_mark_is_whole(form: str, lacking: int) -> None:
    """All its pixels are there: every viewer shows it."""
    options = {"progressive": {"progressive": True}, "restarts": {"restart_marker_rows": 1}}
    content = saved("JPEG", drawing() if form == "grey" else None, **options.get(form, {}))
    assert farthest(decode(content[:-lacking]), decode(content)) == 0


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97])
def test_a_jpeg_that_lacks_pixels_is_truncated(options: dict[str, object], share: float) -> None:
    """Grey instead of what was there is no photo, even if only the last rows are missing."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    content = saved("JPEG", Image.fromarray(noise), **options)
    with pytest.raises(ImageError) as refused:
        decode(content[: round(share * len(content))])
    assert refused.value.reason == "truncated"


def test_a_webp_without_its_padding_is_whole() -> None:
    """The last byte of a file may be there only to make its length even."""
    content = bytearray(saved("WEBP"))
    at = 12
    size = int.from_bytes(content[at + 4 : at + 8], "little")
    while content[-1] != 0 or size % 2 == 0:  # a chunk more, of a byte and its padding
        content += b"note\x01\0\0\0n\0"
        content[4:8] = struct.pack("<I", len(content) - 8)
        size = 1
    assert farthest(decode(bytes(content[:-1])), decode(bytes(content))) == 0
    with pytest.raises(ImageError) as refused:
        decode(saved("WEBP")[:-40])
    assert refused.value.reason == "truncated"


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"caBX"])
@pytest.mark.parametrize("after", [False, True])
def test_large_notes_of_a_png_are_passed_over(kind: bytes, *, after: bool) -> None:
    """Programs leave megabytes there, packed or not: the picture is as it is."""
    text = bytes(range(1, 256)) * 20_000
    bodies = {
        b"tEXt": b"workflow\0" + text,
        b"zTXt": b"workflow\0\0" + zlib.compress(text),
        b"iTXt": b"workflow\0\x01\0\0\0" + zlib.compress(text),
        b"iCCP": b"profile\0\0" + zlib.compress(text),
    }
    note = chunk(kind, bodies.get(kind, text))
    content = saved("PNG")
    at = len(content) - 12 if after else 33
    content = content[:at] + note + content[at:]
    assert farthest(decode(content), drawing()) == 0
    assert measure(content) == drawing().size


def exif(turn: int, order: str = ">", kind: int = 3) -> bytes:
    """Write EXIF data that says how the camera was held."""
    value = struct.pack(f"{order}H2x" if kind == 3 else f"{order}I", turn)
    entry = struct.pack(f"{order}HHI", 0x0112, kind, 1) + value
    start = b"MM" if order == ">" else b"II"
    return start + struct.pack(f"{order}HIH", 42, 8, 1) + entry + bytes(4)


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("turn", [0, *range(1, 10)])
@pytest.mark.parametrize(("order", "kind"), [(">", 3), ("<", 3), ("<", 4)])
def test_a_photo_is_turned_as_its_camera_was_held(
    form: str, turn: int, order: str, kind: int
) -> None:
    """All eight ways, in each format's own place for it; numbers of no meaning turn nothing."""
    held = exif(turn, order, kind)
    options = {"quality": 100, "lossless": True} if form != "PNG" else {}
    content = saved(form, exif=held if form == "PNG" else b"Exif\0\0" + held, **options)
    upright = drawing().transpose(TURNS[turn]) if turn in TURNS else drawing()
    assert farthest(decode(content), upright) < 100
    assert measure(content) == upright.size


def test_how_a_camera_was_held_may_stand_in_xmp() -> None:
    """Where EXIF says nothing, as editors leave it."""
    packet = b'<rdf:Description tiff:Orientation="6"/>'
    for form in ("JPEG", "WEBP"):
        assert measure(saved(form, xmp=packet)) == (75, 100)
        assert decode(saved(form, xmp=packet)).size == (75, 100)


BROKEN_EXIF = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + struct.pack(">HHII", 300, 2, 2**31, 9) * 9
ODD = {
    "EXIF": lambda: saved("JPEG", exif=BROKEN_EXIF),
    "EXIF of no length": lambda: saved("JPEG", exif=b"Exif\0\0MM"),
    "frames": lambda: png_with(chunk(b"acTL", bytes(8)), chunk(b"fcTL", bytes(26))),
    "other images": lambda: jpeg_with(b"\xff\xe2\x00\x10MPF\0MM\0*\0\0\0\x08\0\x09"),
    "palette": lambda: see_through_palette(8),
}


def png_with(*chunks: bytes) -> bytes:
    """Return the drawing as a PNG with chunks before its pixels."""
    content = saved("PNG")
    return content[:33] + b"".join(chunks) + content[33:]


def jpeg_with(segment: bytes) -> bytes:
    """Return the drawing as a JPEG with a segment before its others."""
    content = saved("JPEG")
    return content[:2] + segment + content[2:]


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_file_is_shown_without_a_word(odd: str) -> None:
    """Pillow would warn on stderr; here warnings are errors, and there is none."""
    assert farthest(decode(ODD[odd]()), drawing()) < 100


def test_a_gif_that_grows_beyond_the_limit_is_refused() -> None:
    """Its frame reaches further than its canvas: the same refusal as for a large canvas."""
    content = bytearray(saved("GIF", drawing()))
    at = content.index(b",")
    content[at + 5 : at + 9] = struct.pack("<HH", 12_000, 12_000)
    with pytest.raises(ImageError) as refused:
        decode(bytes(content))
    assert refused.value.reason == "too_large"
