"""Headers that lie: small files that name more than they hold take no memory and no time."""

import struct
import tracemalloc
from contextlib import suppress
from zlib import crc32

import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from sketchzoo.images import ImageError, ImageLimits, decode, measure, read_metadata
from tests.unit.sketchzoo.pictures import saved

MIB = 1024 * 1024
LITTLE = ImageLimits(max_memory_bytes=32 * MIB)


def xmp_tag(packet: bytes) -> ImageFileDirectory_v2:
    """Make a TIFF's directory that holds an XMP packet."""
    tags = ImageFileDirectory_v2()
    tags[700] = packet
    tags.tagtype[700] = 1
    return tags


def large_jpeg(frame: int, *, progressive: bool) -> bytearray:
    """Have a small JPEG tell of 100 megapixels, coded in another way."""
    image = Image.new("RGB", (64, 64), "red")
    content = bytearray(saved("JPEG", image, progressive=progressive, subsampling=0))
    at = content.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    content[at + 1] = frame
    content[at + 5 : at + 9] = struct.pack(">HH", 10_000, 10_000)
    return content


def of_one_colour(content: bytearray) -> bytes:
    """Leave only the first colour in a JPEG's scan."""
    at = content.index(b"\xff\xda")
    length = int.from_bytes(content[at + 2 : at + 4], "big")
    scan = b"\xff\xda\0\x08\x01" + content[at + 5 : at + 7] + b"\0\x3f\0"
    return bytes(content[:at] + scan + content[at + 2 + length :])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bytes(large_jpeg(0xC2, progressive=True)), id="progressive"),
        pytest.param(bytes(large_jpeg(0xCA, progressive=True)), id="progressive, arithmetic"),
        pytest.param(of_one_colour(large_jpeg(0xC0, progressive=False)), id="one scan of several"),
    ],
)
def test_all_jpegs_count_that_hold_their_coefficients(content: bytes) -> None:
    """However they are coded: the decoder allocates them for the size that the header tells."""
    with pytest.raises(ImageError, match="max_memory_bytes allows 32 MiB"):
        decode(content, LITTLE, enough=224)


def box(kind: bytes, *bodies: bytes) -> bytes:
    """Write one of ISO's boxes."""
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def heif(*boxes: bytes) -> bytes:
    """Write a HEIC of 64x64 pixels and no data, with further boxes beside the usual ones."""
    properties = box(
        b"iprp",
        box(b"ipco", box(b"ispe", struct.pack(">III", 0, 64, 64))),
        box(b"ipma", struct.pack(">IIHBB", 0, 1, 1, 1, 1)),
    )
    meta = box(b"meta", bytes(4), box(b"pitm", b"\0\0\0\0\0\1"), properties, *boxes)
    return box(b"ftyp", b"heic\0\0\0\0heicmif1") + meta


EXIF_ITEM = box(b"iinf", bytes(5) + b"\1", box(b"infe", b"\2\0\0\0\0\1\0\0Exif\0"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(heif(box(b"free") * 300_000), id="HEIF of boxes"),
        pytest.param(
            heif(
                box(
                    b"iloc",
                    b"\1\0\0\0\0\0\0\x28",
                    *(struct.pack(">HHHH", item, 0, 0, 65535) for item in range(40)),
                )
            ),
            id="HEIF of empty extents",
        ),
        pytest.param(
            saved("PNG")[:33] + (b"\0\0\0\0IDAT" + bytes(8) + b"tEXt" + bytes(4)) * 200_000,
            id="PNG of chunks",
        ),
        pytest.param(b"\xff\xd8" + b"\xff\xdb\0\2" * 400_000, id="JPEG of tables"),
    ],
)
def test_an_outline_takes_no_more_memory_than_its_file(content: bytes) -> None:
    """What a few bytes stand for in a file takes hundreds here: there is a most of it."""
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match="no sense"):
            measure(content)
        assert tracemalloc.get_traced_memory()[1] < 24 * MIB
    finally:
        tracemalloc.stop()


def chunk(kind: bytes, body: bytes) -> bytes:
    """Write one of PNG's chunks."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(kind + body))


MUCH = bytes(16 * MIB)
TOLD_MUCH = {
    "PNG": lambda: (
        saved("PNG")[:33]
        + chunk(b"tRNS", MUCH)
        + chunk(b"eXIf", MUCH)
        + chunk(b"iTXt", b"XML:com.adobe.xmp\0" + MUCH)
        + saved("PNG")[33:]
    ),
    "WEBP": lambda: saved("WEBP", exif=MUCH, xmp=MUCH),
    "TIFF": lambda: saved("TIFF", tiffinfo=xmp_tag(MUCH)),
}


@pytest.mark.parametrize("form", TOLD_MUCH)
def test_what_is_told_is_not_copied_whole(form: str) -> None:
    """EXIF and XMP may be as long as a file may be; some megabytes of them are kept."""
    content = TOLD_MUCH[form]()
    tracemalloc.start()
    try:
        read_metadata(content)
        assert tracemalloc.get_traced_memory()[1] < 15 * MIB
    finally:
        tracemalloc.stop()


def test_metadata_in_many_pieces_are_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch is asked at each piece: four megabytes in 65,000 would be copied 65,000 times."""
    extents = struct.pack(">II", 0, 64) * 60_000
    places = box(b"iloc", b"\1\0\0\0\x44\0\0\1", struct.pack(">HHHH", 1, 0, 0, 60_000), extents)
    content = heif(EXIF_ITEM, places)
    monkeypatch.setattr("sketchzoo.images._metadata._SECONDS", 1e-9)
    assert read_metadata(content).camera is None
    assert measure(content, ImageLimits(max_seconds=2.0)) == (64, 64)


def test_a_property_of_number_0_is_none() -> None:
    """And not the last of all."""
    content = heif().replace(struct.pack(">HBB", 1, 1, 1), struct.pack(">HBB", 1, 1, 0))
    with pytest.raises(ImageError, match="no sense"):
        measure(content)


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
def test_no_picture_comes_larger_than_told(form: str) -> None:
    """Its limits were kept by what was told: it is refused, or what was told comes."""
    image = Image.radial_gradient("L").resize((1000, 700)).convert("RGB")
    told, lied = struct.pack(">II", 1000, 700), struct.pack(">II", 100, 70)
    content = saved(form, image)
    assert told in content
    with suppress(ImageError):
        assert decode(content.replace(told, lied)).size == (100, 70)


def test_a_tiff_is_turned_by_xmp_where_no_tag_says_how() -> None:
    """Its decoder does so; whoever asks for its size is told the same."""
    image = Image.new("RGB", (60, 40), "red")
    image.paste("blue", (0, 0, 30, 40))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    content = saved("TIFF", image, tiffinfo=xmp_tag(xmp))
    assert measure(content) == (40, 60)
    shown = decode(content)
    assert [shown.getpixel(at) for at in ((0, 0), (39, 59))] == [(0, 0, 255), (255, 0, 0)]
