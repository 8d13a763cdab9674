"""Robustness: how much P@12 is lost when the same sketches are drawn or sent otherwise."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageOps

from sketchzoo.images import Modality, decode, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo.morphology import thin
from sketchzoo.onnx import open_session
from sketchzoo_training.data import ImageFile
from sketchzoo_training.evaluate.embedding import embed, focused, infer
from sketchzoo_training.evaluate.metrics import QueryKey, measure
from sketchzoo_training.evaluate.ranking import Vectors, rank

Change = Callable[[Image.Image, np.random.Generator], bytes]


@dataclass(frozen=True, slots=True)
class Robustness:
    """P@12 of the sketches as they are, and of each case; shares of 1."""

    plain: float
    cases: Mapping[str, float]

    def report(self) -> dict[str, object]:
        """Return figures and losses in points of P@12 for a JSON file."""
        return {
            "plain_p@12": round(self.plain, 4),
            "p@12": {name: round(value, 4) for name, value in self.cases.items()},
            "loss_points": {
                name: round(100 * (self.plain - value), 2) for name, value in self.cases.items()
            },
        }


def measure_robustness(
    artefact: ModelArtefact,
    photos: Sequence[ImageFile],
    sketches: Sequence[ImageFile],
    *,
    seed: int = 0,
) -> Robustness:
    """Ask for the photos with every sketch in every case."""
    gallery = embed(artefact, photos, Modality.PHOTO)
    there = [QueryKey(file.class_name) for file in gallery.files]
    wanted = [QueryKey(file.class_name) for file in sketches]
    session = open_session(artefact.onnx(Modality.SKETCH))
    how = artefact.towers[Modality.SKETCH].preprocessing
    images = [sketch.load() for sketch in sketches]

    def p12(change: Change) -> float:
        vectors: list[Vectors] = []
        for number, image in enumerate(images):
            content = change(image, np.random.default_rng([seed, number]))
            vectors.append(infer(session, prepare(decode(content), how)))
        rankings = rank(focused(artefact, np.stack(vectors)), gallery.vectors)
        return measure(rankings, wanted, there).mean("p@12") or 0.0

    return Robustness(p12(_plain), {name: p12(change) for name, change in CASES.items()})


def _plain(image: Image.Image, rng: np.random.Generator) -> bytes:
    del rng
    return _png(image)


def _thin_strokes(image: Image.Image, rng: np.random.Generator) -> bytes:
    """Half the stroke width, by peeling a quarter of it off either side."""
    del rng
    grey = image.convert("L")
    large = grey.resize((grey.width * 4, grey.height * 4), Image.Resampling.BICUBIC)
    off = max(1, round(stroke_width(grey)))  # a quarter of the width, four times as large
    return _png(_grown(large, -off).resize(grey.size, Image.Resampling.BOX))


def _thick_strokes(image: Image.Image, rng: np.random.Generator) -> bytes:
    """Thrice the stroke width."""
    del rng
    return _png(thicken(image.convert("L"), 3))


def _quarter(image: Image.Image, rng: np.random.Generator) -> bytes:
    """Put the drawing on a quarter of the canvas, in its middle."""
    del rng
    return _png(_placed(image, 0.5, 0.5))


def _off_centre(image: Image.Image, rng: np.random.Generator) -> bytes:
    """Put the drawing on a quarter of the canvas, anywhere."""
    return _png(_placed(image, float(rng.random()), float(rng.random())))


def _white_on_black(image: Image.Image, rng: np.random.Generator) -> bytes:
    del rng
    return _png(ImageOps.invert(image.convert("L")))


def _transparent(image: Image.Image, rng: np.random.Generator) -> bytes:
    """Black ink on nothing."""
    del rng
    ink = Image.new("RGBA", image.size, (0, 0, 0, 0))
    ink.putalpha(ImageOps.invert(image.convert("L")))
    return _png(ink)


def _jpeg(image: Image.Image, rng: np.random.Generator) -> bytes:
    del rng
    return _jpg(image, 12)


def _on_paper(image: Image.Image, rng: np.random.Generator) -> bytes:
    """Photograph the drawing on paper, in grey: a shadow across, grain, blur, pale ink, JPEG."""
    grey = np.asarray(image.convert("L").filter(ImageFilter.GaussianBlur(0.7)), np.float32)
    height, width = grey.shape
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    turn = rng.random() * 2 * np.pi
    slope = np.cos(turn) * across + np.sin(turn) * down
    light = 175 + 45 * (slope - slope.mean())
    paper = light * (0.35 + 0.65 * grey / 255) + rng.normal(0, 4, grey.shape)
    return _jpg(Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8)), 75)


CASES: Mapping[str, Change] = {
    "stroke_width_x0.5": _thin_strokes,
    "stroke_width_x3": _thick_strokes,
    "quarter_of_the_canvas": _quarter,
    "off_centre": _off_centre,
    "white_on_black": _white_on_black,
    "transparent": _transparent,
    "jpeg_noise": _jpeg,
    "photo_of_paper": _on_paper,
}


def stroke_width(grey: Image.Image) -> float:
    """Estimate the strokes' width in pixels: the ink's area by its lines' length."""
    mask: npt.NDArray[np.bool_] = np.asarray(grey) < 128  # noqa: PLR2004 - half
    length = int(thin(mask).sum())
    return float(mask.sum()) / length if length else 1.0


def thicken(grey: Image.Image, times: float) -> Image.Image:
    """Draw with a pen some times as wide, the canvas growing with it."""
    on = max(1, round(stroke_width(grey) * (times - 1) / 2))
    return _grown(ImageOps.expand(grey, on, 255), on)


def _grown(grey: Image.Image, pixels: int) -> Image.Image:
    """Grow dark strokes by some pixels a side; shrink them where it is negative."""
    step = ImageFilter.MinFilter(3) if pixels > 0 else ImageFilter.MaxFilter(3)
    for _ in range(abs(pixels)):
        grey = grey.filter(step)
    return grey


def _placed(image: Image.Image, across: float, down: float) -> Image.Image:
    small = image.convert("L").resize(
        (image.width // 2, image.height // 2), Image.Resampling.BICUBIC
    )
    canvas = Image.new("L", image.size, 255)
    left = round(across * (canvas.width - small.width))
    top = round(down * (canvas.height - small.height))
    canvas.paste(small, (left, top))
    return canvas


def _png(image: Image.Image) -> bytes:
    return _encoded(image, "PNG")


def _jpg(image: Image.Image, quality: int) -> bytes:
    return _encoded(image.convert("L"), "JPEG", quality=quality)


def _encoded(image: Image.Image, kind: str, **settings: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()
