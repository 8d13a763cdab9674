"""Contours of photos, as if someone had traced them: drawings in poses that no sketch has.

A class has a few dozen sketches of a few poses, but its photos show others. The strongest
edges of a photo, kept where the frozen probe sees the photo's class (its class activation
map), are rough drawings of it.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from scipy import ndimage
from torch import nn
from torch.nn import functional

from sketchzoo.images import Modality, prepare
from sketchzoo.ink import lines
from sketchzoo_training.data import list_images
from sketchzoo_training.recipes.towers import photo_features
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.drawings import CONTOURS, Drawings
from sketchzoo_training.recipes.towers.kept import kept, key_of
from sketchzoo_training.recipes.towers.photo_features import PhotoFeatures

_EVERYWHERE = np.ones((3, 3))


def add_contours(
    drawings: Drawings,
    pictures: PhotoFeatures,
    data: Path,
    config: TowersConfig,
    cache: Path | None = None,
) -> Drawings:
    """Add a contour drawing of each of the zoo's training photos; `cache` keeps them."""
    files = [f for f in list_images(data / "zoo", Modality.PHOTO) if f.split == "train"]
    number = {name: index for index, name in enumerate(drawings.names)}

    def compute() -> npt.NDArray[np.uint8]:
        net = photo_features.backbone()
        probe = photo_features.fit_probe(
            pictures, np.flatnonzero(pictures.split == "train"), config
        )
        drawn = []
        for file in files:
            image = torch.from_numpy(prepare(file.required(), photo_features.preprocessing(config)))
            weight = probe.weight[pictures.names.index(file.class_name)]
            drawn.append(trace(image, seen_where(net, image, weight), config.drawing.keep))
        return np.stack(drawn)

    # Where a photo shows its class the probe says, so that all it was fitted to counts.
    key = key_of(
        files,
        keep=config.drawing.keep,
        classes=[file.class_name for file in files],
        **photo_features.fitted_to(pictures, config),
    )
    labels = np.array([number[file.class_name] for file in files], np.int64)
    return drawings.with_more(kept(cache, key, compute), labels, CONTOURS)


@torch.inference_mode()
def seen_where(
    net: nn.Module, image: torch.Tensor, weight: torch.Tensor
) -> npt.NDArray[np.float32]:
    """Return where a photo shows a class, 0 to 1: `(size, size)`, its activation map."""
    maps = net.forward_features(image[None])  # type: ignore[operator]
    score = torch.einsum("c,nchw->nhw", weight, maps)[:, None]
    score = (score - score.amin()) / (score.amax() - score.amin() + 1e-6)
    wide = functional.interpolate(score, image.shape[1:], mode="bilinear", align_corners=False)
    spread: npt.NDArray[np.float32] = wide[0, 0].numpy()
    return spread


def trace(
    image: torch.Tensor,
    where: npt.NDArray[np.float32],
    keep: float,
    *,
    blur: float = 1.8,
    share: float = 0.04,
    shortest: int = 20,
) -> npt.NDArray[np.uint8]:
    """Trace a prepared photo `(3, size, size)` to packed thin lines `(WORK, WORK / 8)`.

    The strongest `share` of pixels are edges, by contrast and by contrast against the
    surroundings (which quietens fur and grass); runs of fewer than `shortest` pixels go.
    """
    colours = image.numpy()
    across = np.stack([ndimage.gaussian_filter(c, blur, order=(0, 1)) for c in colours])
    down = np.stack([ndimage.gaussian_filter(c, blur, order=(1, 0)) for c in colours])
    steep = np.hypot(across, down)
    strongest = steep.argmax(0)[None]
    steep = np.take_along_axis(steep, strongest, 0)[0]
    across = np.take_along_axis(across, strongest, 0)[0] / (steep + 1e-9)
    down = np.take_along_axis(down, strongest, 0)[0] / (steep + 1e-9)
    around = ndimage.gaussian_filter(steep, 12)
    against = steep / (around + 0.25 * steep.mean() + 1e-6)
    strength = (steep / steep.max() + against / against.max()) * where
    rows, columns = np.mgrid[: steep.shape[0], : steep.shape[1]]
    ridge = np.ones_like(steep, dtype=np.bool_)
    for side in (1, -1):
        beside = [rows + side * down, columns + side * across]
        ridge &= steep >= ndimage.map_coordinates(steep, beside, order=1, mode="nearest")
    ridge[:3] = ridge[-3:] = ridge[:, :3] = ridge[:, -3:] = False
    strength = np.where(ridge, strength, 0)
    count = int(strength.size * share)
    edges = strength > max(1e-6, float(np.partition(strength.ravel(), -count)[-count]))
    runs, found = ndimage.label(edges, _EVERYWHERE)
    long = np.bincount(runs.ravel(), minlength=found + 1) >= shortest
    long[0] = False
    drawn = Image.fromarray(np.where(long[runs], np.uint8(0), np.uint8(255)))
    return np.packbits(lines(drawn, keep), axis=1)
