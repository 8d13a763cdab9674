"""Small models of the shipped kind, which name classes; nothing here is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from sketchzoo.heads import PartsHead, PosteriorHead
from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact, RunRecord
from sketchzoo.parts import Emphasis, Focus, Layout
from sketchzoo.tower_config import TowerConfig
from sketchzoo.towers import TowerNetwork
from sketchzoo_training.models.export import export_artefact

KNOWN = ("cat", "dog", "owl")
FEATURES = 24
_SIZE = 48
_BACKBONE = "tests.unit.model_artefact.naming:backbone"


class _Net(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 12, 5, stride=4)
        self.second = nn.Conv2d(12, FEATURES, 3, stride=2)

    def forward_features(self, images: Tensor) -> Tensor:
        maps: Tensor = self.second(self.first(images).relu()).relu()
        return maps

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_features(images).mean((2, 3))


def backbone(channels: int) -> tuple[nn.Module, int]:
    """Return a small network and the length of its features, as a plug-in does."""
    return _Net(channels), FEATURES


def naming_model(folder: Path, kind: str) -> ModelArtefact:
    """Write an artefact of two untrained towers whose head is of a `kind`, `posterior` or `parts`.

    The sketch tower knows a class that photos don't.
    """
    torch.manual_seed(0)
    towers, layout = {}, None
    for modality, channels in ((Modality.PHOTO, 3), (Modality.SKETCH, 1)):
        known = len(KNOWN) + (modality is Modality.SKETCH)
        settings: dict[str, Any] = {"classes": known, "shared": len(KNOWN), "general": 6}
        settings["temperature"] = 1.0 if modality is Modality.PHOTO else 0.5
        if kind == "posterior":
            settings["weight"] = 0.7
            head: PosteriorHead | PartsHead = PosteriorHead(FEATURES, **settings)
        else:
            settings |= {"shape": 5, "cell": 4, "grid": 2, "weights": (0.5, 0.3, 0.2)}
            settings["doubt"] = 1.0 if modality is Modality.PHOTO else 0.5
            head = PartsHead(FEATURES, **settings)
        net = TowerNetwork(backbone(channels)[0], head).eval()
        fit = "crop" if modality is Modality.PHOTO else "ink"
        preprocessing = Preprocessing(_SIZE, fit, (0.5,) * channels, (0.5,) * channels, 0.8, 5)
        described = {"backbone": _BACKBONE, "head": {"kind": kind, **settings}}
        towers[modality] = TowerConfig(modality.value, preprocessing, described), net
        layout = layout or head.layout()
    assert layout is not None
    if kind == "parts":
        both = {Focus.BOTH: Emphasis((1.0, 1.0, 1.0), 0.6)}
        layout = Layout(layout.parts, both, Focus.BOTH)
    artefact = export_artefact(
        folder, "naming", towers, run=RunRecord("none", "0", "0", 0, 0), layout=layout,
        classes=KNOWN, min_score=0.6, seen_from=0.95, notes={"shared_classes": list(KNOWN)},
    )  # fmt: skip
    (folder / "LICENSE").write_text("the base's terms\n")
    (folder / "MODEL_CARD.md").write_text("# naming\nA card of before.\n")
    return artefact


def scene(kind: str, seed: int) -> Image.Image:
    """Paint a photo: a red disc or a blue bar somewhere on grey."""
    dice = np.random.default_rng(seed)
    image = Image.new("RGB", (96, 80), (190, 190, 190))
    pen = ImageDraw.Draw(image)
    x, y = (int(each) for each in dice.integers(10, 30, 2))
    if kind == "disc":
        pen.ellipse((x, y, x + 40, y + 40), fill=(200, 20, 20))
    else:
        pen.rectangle((x, y, x + 50, y + 12), fill=(10, 10, 160))
    return image


def photos(folder: Path, kind: str, count: int, *, first: int = 0) -> Path:
    """Write a class's folder of so many painted photos."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        scene(kind, seed).save(folder / f"{seed}.png")
    return folder
