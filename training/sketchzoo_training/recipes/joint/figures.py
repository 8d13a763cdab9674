"""What the parts find, by themselves and together: classes, poses, unseen things."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from sketchzoo_training.recipes.joint.config import JointConfig
from sketchzoo_training.recipes.joint.material import Material
from sketchzoo_training.recipes.joint.network import JointNetwork, Parts, Tower
from sketchzoo_training.recipes.towers.augment import draw, unpack
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
    """Measure on val's sketches and on unseen classes'; the gallery is val's and train's photos.

    Training has seen the latter: figures are to compare steps by, and flatter.
    """
    pictures, drawings = material.pictures, material.drawings
    shown = np.concatenate([pictures.where("val"), pictures.where("test")])
    odd = pictures.where(UNSEEN)
    all_shown = np.concatenate([shown, odd])
    gallery = _photos(network.photo, material, all_shown, device)
    known = drawings.where("val")
    known = known[np.isin(drawings.source[known], ("tuberlin", "sketchy"))]
    paired = np.flatnonzero(np.isin(drawings.split, ("val",)) & np.isin(material.pair, shown))
    strange = np.flatnonzero((drawings.split == UNSEEN) & np.isin(material.pair, odd))
    asked = {
        name: _sketches(network.sketch, material, which, config, device)
        for name, which in (("known", known), ("paired", paired), ("strange", strange))
    }
    label = pictures.labels
    figures: dict[str, float] = {}
    own = np.arange(len(shown), len(all_shown))
    for mix, weights in MIXES.items():

        def score(name: str, weights: tuple[float, float, float] = weights) -> Tensor:
            return _score(asked[name], gallery, weights, material.shared)

        hits = score("known")[:, : len(shown)]
        figures[f"p12_{mix}"] = _precision(hits, label[shown], material.drawing_labels[known])
        near = score("paired")[:, : len(shown)]
        figures |= {
            f"{key}_{mix}": value
            for key, value in _pairs(near, shown, label, material.pair[paired]).items()
        }
        there = score("strange")
        wanted = material.drawing_labels[strange]
        figures[f"unseen_own_{mix}"] = _precision(there[:, own], label[odd], wanted)
        figures[f"unseen_all_{mix}"] = _precision(there, label[all_shown], wanted)
        figures[f"unseen_pct_{mix}"] = _pairs(there[:, own], odd, label, material.pair[strange])[
            "percentile"
        ]
    return {name: round(figures[name], 4) for name in FIGURES}


def _photos(
    tower: Tower, material: Material, which: npt.NDArray[np.intp], device: torch.device
) -> Parts:
    parts = []
    for start in range(0, len(which), 64):
        squares = torch.from_numpy(material.pictures.squares[which[start : start + 64]])
        images = 2 * squares.to(device).permute(0, 3, 1, 2).float() / 255 - 1
        parts.append(tower(images.contiguous(memory_format=torch.channels_last)))
    return _joined(parts)


def _sketches(
    tower: Tower,
    material: Material,
    which: npt.NDArray[np.intp],
    config: JointConfig,
    device: torch.device,
) -> Parts:
    drawing = config.drawing
    parts = []
    for start in range(0, len(which), 64):
        lines = unpack(
            torch.from_numpy(material.drawings.lines[which[start : start + 64]]).to(device)
        )
        size = round(drawing.size * drawing.shown / drawing.keep)
        images = draw(lines, size, drawing.pen)
        edge = drawing.size - size
        images = functional.pad(images, (edge // 2, edge - edge // 2) * 2, value=1.0)
        parts.append(tower(images.contiguous(memory_format=torch.channels_last)))
    return _joined(parts)


def _joined(parts: list[Parts]) -> Parts:
    return Parts(*(torch.cat(each).float().cpu() for each in zip(*parts, strict=True)))


def _roots(logits: Tensor, shared: int, temperature: float) -> Tensor:
    posterior = torch.softmax(logits / temperature, 1)
    others = posterior[:, shared:].sum(1, keepdim=True)
    roots = torch.cat([posterior[:, :shared], others], 1).clamp(min=1e-9).sqrt()
    return functional.normalize(roots, dim=1)


def _score(
    asked: Parts, gallery: Parts, weights: tuple[float, float, float], shared: int
) -> Tensor:
    classes, general, shape = weights
    here = _roots(asked.logits, shared, _TEMPERATURES[1])
    there = _roots(gallery.logits, shared, _TEMPERATURES[0])
    return (
        classes * here @ there.T
        + general * asked.general @ gallery.general.T
        + shape * asked.shape @ gallery.shape.T
    )


def _precision(
    scores: Tensor, gallery: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]
) -> float:
    first = scores.topk(min(_FIRST, scores.shape[1]), 1).indices.numpy()
    return float((gallery[first] == wanted[:, None]).mean())


def _pairs(
    scores: Tensor,
    shown: npt.NDArray[np.intp],
    label: npt.NDArray[np.int64],
    pair: npt.NDArray[np.intp],
) -> dict[str, float]:
    """Return where the photo that a sketch is of stands: in its class, and among all."""
    place = {picture: column for column, picture in enumerate(shown.tolist())}
    columns = torch.tensor([place[each] for each in pair.tolist()])
    own = scores.gather(1, columns[:, None])
    same = torch.from_numpy(label[shown][None] == label[pair][:, None])
    before = (scores > own) & same
    others = same.sum(1) - 1
    inside = others > 0
    share = 1 - before.sum(1)[inside] / others[inside]
    first = (before.sum(1)[inside] == 0).float()
    twelve = ((scores > own).sum(1) < _FIRST).float()
    return {
        "percentile": float(share.mean()),
        "first": float(first.mean()),
        "twelve": float(twelve.mean()),
    }
