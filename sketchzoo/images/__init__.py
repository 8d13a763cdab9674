"""Images: decoding within limits, what files tell of themselves, the one preprocessing.

`decode` makes RGB of an image file, `squared` the square that a network sees of that, and
`normalised` its input of the square (`prepare` does both); `fitted` is
what to send of a large one. `read_metadata` reads time, place, camera and stars.
"""

from sketchzoo.image_limits import ImageLimits
from sketchzoo.images._decode import decode, measure
from sketchzoo.images._limits import GivenUpError, ImageError
from sketchzoo.images._memory import share_memory
from sketchzoo.images._metadata import Metadata, read_metadata
from sketchzoo.images._preprocessing import (
    FITS,
    PREPROCESSING_VERSION,
    Modality,
    Preprocessing,
    Square,
    enough_for,
    fitted,
    lossless,
    normalised,
    prepare,
    squared,
)
from sketchzoo.images._take_apart import FORMATS

__all__ = [
    "FITS",
    "FORMATS",
    "PREPROCESSING_VERSION",
    "GivenUpError",
    "ImageError",
    "ImageLimits",
    "Metadata",
    "Modality",
    "Preprocessing",
    "Square",
    "decode",
    "enough_for",
    "fitted",
    "lossless",
    "measure",
    "normalised",
    "prepare",
    "read_metadata",
    "share_memory",
    "squared",
]
