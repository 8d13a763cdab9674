"""What the parts find, by themselves and together: classes, poses, unseen things."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sketchzoo.heads import roots
from sketchzoo_training.recipes.joint.config import JointConfig
from sketchzoo_training.recipes.joint.material import Material
from sketchzoo_training.recipes.joint.network import JointNetwork, Parts
from sketchzoo_training.recipes.joint.said import of_drawings, of_photos
from sketchzoo_training.recipes.towers.drawings import UNSEEN

MIXES: Mapping[str, tuple[float, float, float]] = {
    "both": (0.5, 0.3, 0.2),
    "shape": (0.3, 0.3, 0.4),
    "bare": (0.0, 0.5, 0.5),
}
"""How class, general and shape part count in what is asked."""
FIGURES = tuple(
    f"{name}_{mix}"
    for mix in MIXES
    for name in ("p12", "percentile", "first", "twelve", "unseen_own", "unseen_all", "unseen_pct")
)
_TEMPERATURES = (1.2, 0.5)
_FIRST = 12


def measure(
    network: JointNetwork, material: Material, config: JointConfig, device: torch.device
) -> dict[str, float]:
    """Measure val's sketches and unseen classes'; the gallery is photos of val and test.

    Training has learned from neither. They are three or four more a class than `test` has.
    """
    pictures, drawings = material.pictures, material.drawings
    shown = np.concatenate([pictures.where("val"), pictures.where("test")])
    odd = pictures.where(UNSEEN)
    all_shown = np.concatenate([shown, odd])
    gallery = of_photos(network.photo, pictures.squares[all_shown], device)
    known = drawings.where("val")
    known = known[np.isin(drawings.source[known], ("tuberlin", "sketchy"))]
    paired = np.flatnonzero(np.isin(drawings.split, ("val",)) & np.isin(material.pair, shown))
    strange = np.flatnonzero((drawings.split == UNSEEN) & np.isin(material.pair, odd))
    asked = {
        name: of_drawings(network.sketch, material.placed(which), config.drawing, device)
        for name, which in (("known", known), ("paired", paired), ("strange", strange))
    }
    label = pictures.labels
    figures: dict[str, float] = {}
    own = np.arange(len(shown), len(all_shown))
    for mix, weights in MIXES.items():

        def score(name: str, weights: tuple[float, float, float] = weights) -> Tensor:
            return _score(asked[name], gallery, weights, material.shared)

        hits = score("known")[:, : len(shown)]
        figures[f"p12_{mix}"] = precision(hits, label[shown], material.drawing_labels[known])
        near = score("paired")[:, : len(shown)]
        figures |= {
            f"{key}_{mix}": value
            for key, value in pairs(near, shown, label, material.pair[paired]).items()
        }
        there = score("strange")
        wanted = material.drawing_labels[strange]
        figures[f"unseen_own_{mix}"] = precision(there[:, own], label[odd], wanted)
        figures[f"unseen_all_{mix}"] = precision(there, label[all_shown], wanted)
        figures[f"unseen_pct_{mix}"] = pairs(there[:, own], odd, label, material.pair[strange])[
            "percentile"
        ]
    return {name: round(figures[name], 4) for name in FIGURES}


def _score(
    asked: Parts, gallery: Parts, weights: tuple[float, float, float], shared: int
) -> Tensor:
    classes, general, shape = weights
    here = roots(torch.softmax(asked.logits / _TEMPERATURES[1], 1), shared)
    there = roots(torch.softmax(gallery.logits / _TEMPERATURES[0], 1), shared)
    return (
        classes * here @ there.T
        + general * asked.general @ gallery.general.T
        + shape * asked.shape @ gallery.shape.T
    )


def precision(
    scores: Tensor, gallery: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]
) -> float:
    """Return P@12, not a number without a query; `scores` are `(queries, photos)`."""
    first = scores.topk(min(_FIRST, scores.shape[1]), 1).indices.numpy()
    return float(torch.from_numpy(gallery[first] == wanted[:, None]).float().mean())


def pairs(
    scores: Tensor,
    shown: npt.NDArray[np.intp],
    label: npt.NDArray[np.int64],
    pair: npt.NDArray[np.intp],
) -> dict[str, float]:
    """Return where the photo that a sketch is of stands: in its class, and among all.

    `shown` are the scores' photos, `label` is every photo's class, `pair` each query's photo.
    """
    place = {picture: column for column, picture in enumerate(shown.tolist())}
    columns = torch.tensor([place[each] for each in pair.tolist()], dtype=torch.long)
    own = scores.gather(1, columns[:, None])
    same = torch.from_numpy(label[shown][None] == label[pair][:, None])
    before = (scores > own) & same
    others = same.sum(1) - 1
    inside = others > 0
    share = 1 - before.sum(1)[inside] / others[inside]
    first = (before.sum(1)[inside] == 0).float()
    above = (scores > own).sum(1)
    return {
        "percentile": float(share.mean()),
        "first": float(first.mean()),
        "very_first": float((above == 0).float().mean()),
        "twelve": float((above < _FIRST).float().mean()),
    }
