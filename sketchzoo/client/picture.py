"""Pictures: what people hold in hands, and the image file's bytes that it is sent as.

Small files are sent as they are, a few pixels as a PNG, which loses nothing; what is large is
shrunk before (`sketchzoo.client.shrinking`).
"""

import inspect
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

from sketchzoo.client.errors import TooLarge
from sketchzoo.client.shrinking import SMALL_BYTES, Kind, shrunk_file, shrunk_image
from sketchzoo.image_limits import ImageLimits

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image


class BinaryFile(Protocol):
    """An open file, or whatever else reads as one."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


Picture: TypeAlias = Union[
    str,
    os.PathLike[str],
    bytes,
    bytearray,
    memoryview,
    BinaryFile,
    "Image.Image",
    "npt.NDArray[np.uint8]",
]

_TAKEN = (
    "a path, the bytes of an image file, an open binary file, a Pillow image or a NumPy "
    "array of uint8"
)
# How each of Pillow's modes becomes one that PNG has; all others have no range of values
# that could be known.
_PNG_MODES = {
    **{mode: (mode,) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B")},
    **dict.fromkeys(("RGBX", "CMYK", "YCbCr", "HSV", "LAB"), ("RGB",)),
    **dict.fromkeys(("RGBa", "PA"), ("RGBA",)),
    "La": ("LA",),
    # By way of I: straight on, Pillow cuts the values at 255.
    **dict.fromkeys(("I;16L", "I;16N"), ("I", "I;16")),
}
_CHANNELS = (1, 3, 4)
_MOST_BYTES = ImageLimits().max_bytes
_ORIENTATION = 0x0112
_PLANE, _COLOURED = 2, 3


def is_picture(value: Any) -> bool:
    """Tell whether a value is one picture, rather than several or none."""
    return (
        isinstance(value, str | os.PathLike | bytes | bytearray | memoryview)
        or _is("PIL.Image", "Image", value)
        or _is("numpy", "ndarray", value)
        or hasattr(value, "read")
    )


def content(name: Kind, picture: Any, most: int) -> bytes:
    """Return the bytes of an image file of the picture, the argument called `name`.

    Raises:
        OSError: the file is missing or cannot be read.
        TooLarge: it has more than `most` bytes though it was shrunk, or than are read at all.
        TypeError, ValueError: it is no picture; the message says what would be one.

    """
    if isinstance(picture, bytes | bytearray | memoryview):
        found = bytes(picture)
    elif isinstance(picture, str | os.PathLike):
        found = _file(name, picture)
    elif _is("PIL.Image", "Image", picture):
        found = _image(name, picture)
    elif _is("numpy", "ndarray", picture):
        found = _array(name, picture)
    elif hasattr(picture, "read"):
        found = _read(name, picture)
        if not found:
            raise ValueError(f"{name} has nothing left to read: seek(0) goes back to its start")
    else:
        raise TypeError(f"{name} must be {_TAKEN}, not {type(picture).__name__}")
    if len(found) > _MOST_BYTES:
        raise TooLarge(f"{name} has more than the {_MOST_BYTES} bytes that are read at most")
    if len(found) > SMALL_BYTES:
        found = shrunk_file(name, found)
    if len(found) > most:
        raise TooLarge(f"{name} has more than the {most} bytes that are sent at most")
    return found


def _is(module: str, kind: str, value: Any) -> bool:
    # Who holds such a value has loaded its module; nobody else should wait for it.
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, kind))


def _file(name: str, path: "str | os.PathLike[Any]") -> bytes:
    try:
        with Path(os.fsdecode(path)).open("rb") as file:
            return _read(name, file)
    except ValueError as error:  # a null byte
        raise ValueError(f"{name} is no path: {error}") from error


def _read(name: str, file: Any) -> bytes:
    """Read a file to its end, but never much more than are taken."""
    parts: list[bytes] = []
    missing = _MOST_BYTES + 1
    while missing > 0:
        try:
            part = file.read(missing)
        except ValueError as error:  # closed, or opened for writing
            raise ValueError(f"{name} cannot be read: {error}") from error
        if not isinstance(part, bytes | bytearray | memoryview):
            raise TypeError(f"{name} must be a file opened in binary mode: {_told(part)}")
        if not part:
            break
        parts.append(bytes(part))
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _told(part: Any) -> str:
    if inspect.iscoroutine(part):
        part.close()
        return "its read() must be awaited"
    if isinstance(part, str):
        return 'it gives text; open it with "rb"'
    return f"its read() gives {type(part).__name__}"


def _image(name: Kind, image: Any) -> bytes:
    from PIL import ImageOps  # noqa: PLC0415 - who holds an image has loaded Pillow

    if not all(image.size):
        raise ValueError(f"{name} is an image without pixels")
    modes = _PNG_MODES.get(image.mode)
    if modes is None:
        raise ValueError(
            f"{name} is an image of mode {image.mode}, whose black and white are not known: "
            'scale it to 0..255 and convert it, image.convert("L")'
        )
    file = io.BytesIO()
    try:
        image.load()
        # As its file would be shown: Pillow's own pixels lie on their side.
        if image.getexif().get(_ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
        for mode in modes:
            image = image if image.mode == mode else image.convert(mode)
        small = shrunk_image(name, image)
        if small is not None:
            return small
        # Quick rather than small. A profile would tell of the mode before.
        image.save(file, "PNG", compress_level=1, icc_profile=None)
    except (OSError, ValueError, TypeError, SyntaxError, IndexError, EOFError) as error:
        raise ValueError(f"{name} is an image that cannot be read: {error}") from error
    return file.getvalue()


def _array(name: Kind, array: Any) -> bytes:
    from PIL import Image  # noqa: PLC0415 - only who sends pixels needs Pillow

    if array.dtype != "uint8":
        raise TypeError(
            f"{name} must be an array of uint8, 0 for black to 255 for white, not {array.dtype}"
        )
    if array.ndim not in (_PLANE, _COLOURED) or (
        array.ndim == _COLOURED and array.shape[2] not in _CHANNELS
    ):
        raise ValueError(
            f"{name} must be an array of height x width, or of height x width x 1, 3 (RGB) or "
            f"4 (RGBA), not {' x '.join(map(str, array.shape)) or 'a single value'}"
        )
    if not array.size:
        raise ValueError(f"{name} is an array without pixels")
    if array.ndim == _COLOURED and array.shape[2] == 1:
        array = array[:, :, 0]
    return _image(name, Image.fromarray(array))
