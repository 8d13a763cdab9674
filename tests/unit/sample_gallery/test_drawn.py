"""Pictures and sketches: the same for the same seed, and what they say they are."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from sample_gallery.drawn import CLASSES, Plan, draw_picture, draw_sketch
from sample_gallery.drawn.animals import ANIMALS
from sample_gallery.drawn.scenes import SCENES


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_classes_in_order() -> None:
    """There are at least twelve classes, in alphabetical order, named as in the zoo."""
    assert len(CLASSES) >= 12
    assert list(CLASSES) == sorted(ANIMALS)
    assert {"giraffe", "sea_turtle", "zebra"} < set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_picture(name: str) -> None:
    """A picture is a 256 x 256 JPEG in colour, the same bytes each time, another for another i."""
    content = draw_picture(name, 0)
    image = opened(content)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (256, 256))
    assert draw_picture(name, 0) == content
    assert draw_picture(name, 1) != content
    assert draw_picture(name, 0, seed=1) != content


@pytest.mark.parametrize("name", CLASSES)
def test_sketch(name: str) -> None:
    """A sketch is black lines on white, 256 x 256, the same bytes each time."""
    content = draw_sketch(name, 0)
    image = opened(content)
    assert (image.format, image.mode, image.size) == ("PNG", "L", (256, 256))
    pixels = np.asarray(image)
    assert pixels.min() == 0
    assert np.median(pixels) == 255
    ink = (pixels < 128).mean()
    assert 0.004 < ink < 0.2
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    assert draw_sketch(name, 0) == content
    assert draw_sketch(name, 1) != content
    assert draw_sketch(name, 0, seed=1) != content


@pytest.mark.parametrize("name", CLASSES)
def test_sketches_vary(name: str) -> None:
    """Sketches of a class differ in how much ink they take and where it lies."""
    masks = [np.asarray(opened(draw_sketch(name, i))) < 128 for i in range(6)]
    assert len({int(mask.sum()) for mask in masks}) == len(masks)
    for one, other in pairwise(masks):
        both, either = (one & other).sum(), (one | other).sum()
        assert both / either < 0.6


@pytest.mark.parametrize("name", CLASSES)
def test_poses_and_scenes(name: str) -> None:
    """Each figure is seen in scenes that exist, and no two of a class have one shape."""
    figures = [ANIMALS[name](np.random.default_rng(i)) for i in range(4)]
    for figure in figures:
        assert set(figure.scenes) <= set(SCENES)
        assert figure.size[0] < figure.size[1] <= 1
    last = [np.concatenate([s.outline for s in _shapes(f)]) for f in figures]
    assert len({shape.tobytes() for shape in last}) == len(last)


def _shapes(figure: object) -> list[object]:
    return [shape for layer in figure.layers if hasattr(layer, "shapes") for shape in layer.shapes]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(SCENES))
def test_scene(name: str) -> None:
    """A scene is a finite picture with brighter and darker parts."""
    scene = SCENES[name](np.random.default_rng(3))
    assert scene.rgb.shape == (256, 256, 3)
    assert np.isfinite(scene.rgb).all()
    assert scene.rgb.std() > 0.005
    assert 0 < scene.ground <= 1


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"pictures": -1}, "pictures"),
        ({"sketches": 10_001}, "sketches"),
        ({"seed": -1}, "seed"),
        ({"classes": ()}, "classes"),
        ({"classes": ("owl", "unicorn")}, "unicorn"),
        ({"classes": ("owl", "owl")}, "twice"),
    ],
)
def test_plan_refuses(given: dict[str, object], named: str) -> None:
    """A plan that makes no sense is refused with a message that names the field."""
    with pytest.raises(ValueError, match=named):
        Plan(**given)  # type: ignore[arg-type]
