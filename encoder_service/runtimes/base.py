"""The protocol between the encoder and whatever runs the model."""

import io
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sketchzoo.images import Modality, Square, decode, squared
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError

NORM_TOLERANCE = 1e-3
_LEAST_COSINE = 0.999

Vectors = npt.NDArray[np.float32]
"""Embeddings: float32 `(n, dimension)`, each row of L2 norm 1."""


class DeviceError(ModelError):
    """The device failed: nothing runs on it in this process any more. The message says how."""


class Runtime(Protocol):
    """Runs a model's towers.

    `embed` may be called from `lanes` threads at once, or from any number where
    `max_batch` is 1: such a runtime gains nothing by batches.
    """

    @property
    def name(self) -> str:
        """The runtime's name: `onnx` or `torch`."""

    @property
    def device(self) -> str:
        """Where it runs, for instance `cpu` or `cuda:0`."""

    @property
    def max_batch(self) -> int:
        """How many images `embed` takes at once."""

    @property
    def lanes(self) -> int:
        """How many batches may be under way at once."""

    def embed(
        self, modality: Modality, images: Sequence[Square], *, alone: bool = False
    ) -> Vectors:
        """Embed 1 to `max_batch` squares of one modality, in order; their values are scaled here.

        `alone` says that nothing else is under way: the run may take every core.

        Raises:
            DeviceError: the device failed; the process must be started anew.

        """


def warm(runtime: Runtime, artefact: ModelArtefact) -> None:
    """Run every tower once on a real image, and see that it keeps the artefact's promises.

    Decoders are warmed as well: the first image of a process costs 50 ms otherwise.

    Raises:
        ModelError: the embeddings are not `dimension` finite values of norm 1.

    """
    for modality, tower in artefact.towers.items():
        for form in ("JPEG", "PNG", "WEBP"):
            file = io.BytesIO()
            _example(modality).save(file, form)
            square = squared(decode(file.getvalue()), tower.preprocessing)
        for alone in (True, False):
            vectors = runtime.embed(modality, [square], alone=alone)
        if vectors.shape != (1, artefact.dimension):
            raise ModelError(
                f"{artefact.folder}: the {tower.name} tower answers {vectors.shape[1:]} values; "
                f"config.json states dimension {artefact.dimension}"
            )
        if not np.isfinite(vectors).all():
            raise ModelError(
                f"{artefact.folder}: the {tower.name} tower, run by {runtime.name} on "
                f"{runtime.device}, answers values that are not finite"
            )
        norm = float(np.linalg.norm(vectors))
        if not abs(norm - 1) < NORM_TOLERANCE:
            raise ModelError(
                f"{artefact.folder}: the {tower.name} tower's embeddings have L2 norm {norm:.4g}; "
                "they must have norm 1"
            )


def agreeing(runtime: Runtime, reference: Runtime, artefact: ModelArtefact) -> float:
    """See that a runtime embeds one image of each modality as a float32 `reference` does.

    Returns the lowest cosine. A device that computes in half precision keeps to .9995, in
    bfloat16 it comes down to .93, where one search in ten finds another photo first
    (docs/encoder.md).

    Raises:
        ModelError: a cosine is below .999; names tower, runtime and cosine.

    """
    lowest = 1.0
    for modality, square in examples(artefact).items():
        (ours,) = runtime.embed(modality, [square]).astype(np.float64)
        (theirs,) = reference.embed(modality, [square]).astype(np.float64)
        cosine = float(ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs)))
        if not cosine >= _LEAST_COSINE:  # nor is what is no number
            raise ModelError(
                f"{artefact.folder}: the {artefact.towers[modality].name} tower, run by "
                f"{runtime.name} on {runtime.device}, embeds an image with a cosine of "
                f"{cosine:.4f} to float32's by {reference.name} on {reference.device}; it must "
                f"be at least {_LEAST_COSINE}"
            )
        lowest = min(lowest, cosine)
    return lowest


def examples(artefact: ModelArtefact) -> dict[Modality, Square]:
    """Return an image of each modality, prepared: what a runtime is tried with."""
    return {
        modality: squared(_example(modality), tower.preprocessing)
        for modality, tower in artefact.towers.items()
    }


def _example(modality: Modality) -> Image.Image:
    """Draw a sketch or paint a photo: a network may answer a blank image with the zero vector."""
    if modality is Modality.SKETCH:
        image = Image.new("RGB", (128, 128), "white")
        pen = ImageDraw.Draw(image)
        pen.ellipse((20, 40, 90, 100), outline="black", width=3)
        pen.line((84, 56, 110, 20, 118, 60), fill="black", width=3)
        return image
    up, out = Image.linear_gradient("L"), Image.radial_gradient("L")
    image = Image.merge("RGB", (up, out, up.rotate(90))).resize((128, 128))
    ImageDraw.Draw(image).rectangle((24, 60, 88, 100), fill="brown")
    return image
