"""The drawn gallery: animals in many poses, sizes, colours and places, and sketches of them.

Nothing here is a photograph. The pictures are drawn from parametric shapes with Pillow and
numpy, and from nothing but a seed, so that a machine without any data has a gallery to search
and tests have a fixed one.
"""

from sample_gallery.drawn._gallery import (
    CLASSES,
    REVISION,
    DrawnGallery,
    GalleryExistsError,
    Plan,
    draw,
    draw_picture,
    draw_sketch,
)  # fmt: skip

__all__ = [
    "CLASSES",
    "REVISION",
    "DrawnGallery",
    "GalleryExistsError",
    "Plan",
    "draw",
    "draw_picture",
    "draw_sketch",
]
