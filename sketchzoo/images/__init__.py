"""Images: decoding within limits and the one preprocessing.

`decode` makes RGB of an image file, `prepare` makes a network's input of that.
"""

from sketchzoo.images._container import FORMATS
from sketchzoo.images._decode import decode, measure
from sketchzoo.images._limits import GivenUpError, ImageError, ImageLimits
from sketchzoo.images._preprocessing import (
    PREPROCESSING_VERSION,
    Modality,
    Preprocessing,
    prepare,
)

__all__ = [
    "FORMATS",
    "PREPROCESSING_VERSION",
    "GivenUpError",
    "ImageError",
    "ImageLimits",
    "Modality",
    "Preprocessing",
    "decode",
    "measure",
    "prepare",
]
