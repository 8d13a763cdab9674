"""The drawn sample: animals in many poses, sizes, colours and places, and sketches of them.

Nothing here is a photograph. The pictures are drawn from parametric shapes with Pillow and
numpy, and from nothing but a seed, so that a machine without any data has photos to search
and tests have a fixed one.
"""

from sample_gallery.drawn._sample import (
    CLASSES,
    REVISION,
    DrawnSample,
    Plan,
    draw,
    draw_picture,
    draw_sketch,
)  # fmt: skip
from sample_gallery.folder import FolderError

__all__ = [
    "CLASSES",
    "REVISION",
    "DrawnSample",
    "FolderError",
    "Plan",
    "draw",
    "draw_picture",
    "draw_sketch",
]
