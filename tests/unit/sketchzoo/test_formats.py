"""Formats: what cameras, phones and scanners write, and how its pictures are turned."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from sketchzoo.images import ImageError, ImageLimits, decode, measure, read_metadata
from tests.unit.sketchzoo.pictures import drawing, saved
from tests.unit.sketchzoo.test_images import TURNS, exif

SIZE = (160, 120)


def coloured(size: tuple[int, int] = SIZE) -> Image.Image:
    """Draw the drawing in a photo's size, with colours around it."""
    image = Image.merge("RGB", (Image.radial_gradient("L").resize(size),) * 3)
    image.paste(drawing(), (0, 0))
    return image


def mean_apart(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two images' values: small where only a codec lies between."""
    assert one.size == other.size
    pair = [np.asarray(image.convert("RGB")).astype(float) for image in (one, other)]
    return float(np.abs(pair[0] - pair[1]).mean())


def animated(form: str) -> bytes:
    """Save an animation whose first frame is the picture."""
    rest = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    return saved(form, coloured(), save_all=True, append_images=rest, duration=100, quality=95)


def tiff_of(mode: str) -> bytes:
    """Save the picture as a TIFF of one of the modes that scanners and editors write."""
    if mode == "I;16":
        deep = np.asarray(coloured().convert("L")).astype(np.uint16) * 257
        return saved("TIFF", Image.fromarray(deep))
    return saved("TIFF", coloured().convert(mode))


def motion(still: bytes) -> bytes:
    """Lay a phone's film behind a picture."""
    return still + b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\x40\0mdat" + bytes(16376)


def tags(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    """Write a directory of tags: number, type, count, value."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + body + struct.pack("<I", following)


def raw(head: bytes, turn: int = 1, *, dng: bool = False) -> bytes:
    """Write a RAW file: tags, a thumbnail, the sensor's bytes, the preview, more bytes."""
    entries = [(262, 3, 1, 32803), (274, 3, 1, turn)]
    if dng:
        entries = [(274, 3, 1, turn), (50706, 1, 4, 0x0401)]
    thumbnail = saved("JPEG", coloured().resize((40, 30)))
    noise = np.random.default_rng(0).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    preview = saved("JPEG", coloured(), quality=95)
    # The beginning of a JPEG that is none, and one without loss, as sensors' data is packed.
    lossless = b"\xff\xd8\xff\xc3\0\x0b\x08\x10\0\x10\0\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\0\0"
    other = b"\xff\xd8\xff\xe0\0\0" + lossless + noise
    return head + tags(entries) + thumbnail + other + preview + noise


def fuji() -> bytes:
    """Write a RAW file of Fujifilm's form, whose preview has EXIF of its own."""
    held = b"Exif\0\0" + exif(6)
    return b"FUJIFILMCCD-RAW 0201" + bytes(100) + saved("JPEG", coloured(), quality=95, exif=held)


def canon_3(turn: int) -> bytes:
    """Write a RAW file of Canon's third form."""
    told = exif(turn, "<")
    cmt = struct.pack(">I4s", 8 + len(told), b"CMT1") + told
    moov = struct.pack(">I4sI4s16s", 32 + len(cmt), b"moov", 24 + len(cmt), b"uuid", b"") + cmt
    preview = saved("JPEG", coloured(), quality=95)
    return b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom" + moov + b"\0\0\0\0mdat" + bytes(99) + preview


TIFF = b"II*\0\x08\0\0\0"
FILES: dict[str, Callable[[], bytes]] = {
    "HEIC": lambda: saved("HEIF", coloured(), quality=95),
    "HEIC of tiles": lambda: saved("HEIF", coloured(), quality=95, tile_size=64),
    "HEIC of ten bits": lambda: saved("HEIF", coloured(), quality=95, bit_depth=10),
    "HEIC, motion photo": lambda: motion(saved("HEIF", coloured(), quality=95)),
    "AVIF": lambda: saved("AVIF", coloured(), quality=95),
    "AVIF, animated": lambda: animated("AVIF"),
    "TIFF": lambda: tiff_of("RGB"),
    "TIFF with alpha": lambda: tiff_of("RGBA"),
    "TIFF, grey": lambda: tiff_of("L"),
    "TIFF, grey of 16 bits": lambda: tiff_of("I;16"),
    "TIFF for print": lambda: tiff_of("CMYK"),
    "TIFF, LZW": lambda: saved("TIFF", coloured(), compression="tiff_lzw"),
    "TIFF, JPEG": lambda: saved("TIFF", coloured(), compression="jpeg", quality=95),
    "TIFF of pages": lambda: animated("TIFF"),
    "GIF, animated": lambda: animated("GIF"),
    "WebP, animated": lambda: animated("WEBP"),
    "APNG": lambda: animated("PNG"),
    "JPEG, motion photo": lambda: motion(saved("JPEG", coloured(), quality=95)),
    "JPEG of two pictures": lambda: animated("MPO"),
    "DNG": lambda: raw(TIFF, dng=True),
    "NEF, ARW, PEF": lambda: raw(TIFF),
    "CR2": lambda: raw(b"II*\0\x10\0\0\0CR\x02\0\0\0\0\0"),
    "ORF": lambda: raw(b"IIRO\x08\0\0\0"),
    "RW2": lambda: raw(b"IIU\0\x08\0\0\0"),
    "CR3": lambda: canon_3(1),
}


@pytest.mark.parametrize("form", FILES)
def test_a_format_is_taken(form: str) -> None:
    """Its first picture, whole, in its colours."""
    content = FILES[form]()
    assert mean_apart(decode(content), coloured()) < 8
    assert measure(content) == SIZE


@pytest.mark.parametrize("form", ["HEIF", "AVIF", "TIFF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photo_is_turned_once(form: str, turn: int) -> None:
    """HEIC and AVIF say it in boxes of their own beside EXIF, which must not turn again."""
    upright = coloured().transpose(TURNS[turn]) if turn in TURNS else coloured()
    options = {} if form == "TIFF" else {"quality": 95}
    content = saved(form, coloured(), exif=b"Exif\0\0" + exif(turn), **options)
    assert mean_apart(decode(content), upright) < 8
    assert measure(content) == upright.size


@pytest.mark.parametrize("make", [lambda: raw(TIFF, 6), fuji, lambda: canon_3(6)])
def test_a_preview_is_turned_as_its_raw_file_says(make: Callable[[], bytes]) -> None:
    """The preview lies as the sensor did."""
    upright = coloured().transpose(TURNS[6])
    assert mean_apart(decode(make()), upright) < 8
    assert measure(make()) == upright.size


@pytest.mark.parametrize("form", ["HEIF", "AVIF", "TIFF"])
def test_such_a_photo_tells_its_camera(form: str) -> None:
    """As those of any other format."""
    held = Image.Exif()
    held[0x010F], held[0x0110] = "Apple", "iPhone 15"
    assert read_metadata(saved(form, coloured(), exif=held)).camera == "Apple iPhone 15"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "GIF", "BMP"])
def test_a_large_picture_comes_as_small_as_is_enough(form: str) -> None:
    """By a whole number, never with fewer pixels a side than were asked for."""
    image = coloured((1000, 700))
    content = saved(form, image)
    small = decode(content, enough=160)
    assert small.size == (250, 175)
    assert mean_apart(small, image.resize((250, 175), Image.Resampling.BOX)) < 8
    assert decode(content, enough=400).size == image.size


@pytest.mark.parametrize("form", ["HEIF", "AVIF", "TIFF"])
def test_damage_is_told_as_damage(form: str) -> None:
    """Cut off or overwritten anywhere, a file is refused or still shows its size; no crash."""
    content = saved(form, coloured())
    for share in (0.2, 0.6, 0.95):
        with pytest.raises(ImageError) as refused:
            decode(content[: round(share * len(content))])
        assert refused.value.reason == "truncated"
    noise = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(content)
        for at in noise.integers(0, min(600, len(content)), 4):
            broken[at] = noise.integers(0, 256)
        try:
            assert min(measure(bytes(broken))) > 0
        except ImageError as error:
            assert error.reason in {"truncated", "too_large", "not_an_image"}
        read_metadata(bytes(broken))


def test_a_video_is_named_as_one() -> None:
    """A phone's folder is full of them."""
    with pytest.raises(ImageError, match="is a video"):
        decode(b"\0\0\0\x18ftypqt  \0\0\0\0qt  " + bytes(100))


def test_a_raw_file_without_a_preview_says_so() -> None:
    """Nothing else could be shown of it."""
    with pytest.raises(ImageError, match="without a preview"):
        decode(TIFF + tags([(262, 3, 1, 32803)]) + bytes(2000))


def test_a_tiff_without_a_range_of_values_is_refused() -> None:
    """Floats from an instrument: nobody knows which is black."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.float32)).save(file, "TIFF")
    with pytest.raises(ImageError) as refused:
        decode(file.getvalue())
    assert refused.value.reason == "not_an_image"


def test_what_would_take_too_much_memory_is_refused_by_its_setting() -> None:
    """Before a decoder is started: the header tells the size."""
    content = saved("HEIF", coloured())
    with pytest.raises(ImageError, match="max_memory_bytes allows 1 MiB") as refused:
        decode(
            content.replace(struct.pack(">II", *SIZE), struct.pack(">II", 9000, 6000)),
            ImageLimits(max_memory_bytes=2**20),
        )
    assert refused.value.reason == "too_large"
