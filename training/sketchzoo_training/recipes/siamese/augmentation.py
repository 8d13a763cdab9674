"""Augmentation: what may vary in a sketch or a photo without changing what it shows.

Sketches vary in stroke width, lose strokes and are turned, scaled and shifted; photos are
cropped, coloured otherwise or turned into their edge map, which looks like a sketch. All
randomness comes from the generator that is handed over.
"""

import math

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from sketchzoo.images import Modality
from sketchzoo_training.recipes.siamese.config import AugmentationConfig

_LEAST_ERASED, _MOST_ERASED = 0.08, 0.25  # of the side


def augment(
    image: Image.Image,
    modality: Modality,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> Image.Image:
    """Return a varied copy of an RGB image, of the same size."""
    if rng.random() < config.flip:
        image = ImageOps.mirror(image)
    if modality is Modality.SKETCH:
        return _vary_sketch(image, config, rng)
    return _vary_photo(image, config, rng)


def _vary_sketch(
    image: Image.Image, config: AugmentationConfig, rng: np.random.Generator
) -> Image.Image:
    if rng.random() < config.sketch_width:
        # The minimum spreads the dark strokes, the maximum thins them.
        thicker = rng.random() < 0.6  # noqa: PLR2004 - thinning can lose a hairline
        kernel = ImageFilter.MinFilter(3) if thicker else ImageFilter.MaxFilter(3)
        image = image.filter(kernel)
    if rng.random() < config.sketch_erase:
        image = image.copy()
        for _ in range(rng.integers(1, 4)):
            image.paste("white", _rectangle(image.size, rng))
    if config.sketch_rotate_degrees or config.sketch_scale or config.sketch_shift:
        image = _affine(image, config, rng)
    return image


def _rectangle(size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, int, int]:
    width, height = (
        max(1, round(side * rng.uniform(_LEAST_ERASED, _MOST_ERASED))) for side in size
    )
    left = int(rng.integers(0, size[0] - width + 1))
    top = int(rng.integers(0, size[1] - height + 1))
    return left, top, left + width, top + height


def _affine(
    image: Image.Image, config: AugmentationConfig, rng: np.random.Generator
) -> Image.Image:
    angle = math.radians(rng.uniform(-1, 1) * config.sketch_rotate_degrees)
    scale = 1 + rng.uniform(-1, 1) * config.sketch_scale
    middle = image.width / 2, image.height / 2
    shift = [rng.uniform(-1, 1) * config.sketch_shift * side for side in image.size]
    # Pillow asks, for each pixel of the result, where it comes from: the inverse map.
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    x = middle[0] - cos * (middle[0] + shift[0]) - sin * (middle[1] + shift[1])
    y = middle[1] + sin * (middle[0] + shift[0]) - cos * (middle[1] + shift[1])
    return image.transform(
        image.size,
        Image.Transform.AFFINE,
        (cos, sin, x, -sin, cos, y),
        Image.Resampling.BILINEAR,
        fillcolor="white",
    )


def _vary_photo(
    image: Image.Image, config: AugmentationConfig, rng: np.random.Generator
) -> Image.Image:
    if config.photo_crop:
        side = 1 - rng.random() * config.photo_crop
        width, height = (max(1, round(length * side)) for length in image.size)
        left = int(rng.integers(0, image.width - width + 1))
        top = int(rng.integers(0, image.height - height + 1))
        box = (left, top, left + width, top + height)
        image = image.resize(image.size, Image.Resampling.BILINEAR, box)
    if rng.random() < config.photo_colour:
        for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = kind(image).enhance(rng.uniform(0.6, 1.4))
    if rng.random() < config.photo_edges:
        image = edge_map(image)
    return image


def edge_map(image: Image.Image) -> Image.Image:
    """Return a photo's edges as dark lines on white, RGB of the same size."""
    grey = image.convert("L").filter(ImageFilter.GaussianBlur(1))
    edges = grey.filter(ImageFilter.FIND_EDGES)
    # The filter leaves the outermost pixels as they were, which would draw a frame.
    edges = ImageOps.expand(ImageOps.crop(edges, 1), 1, fill=0)
    return ImageOps.invert(ImageOps.autocontrast(edges, cutoff=(0, 1))).convert("RGB")
