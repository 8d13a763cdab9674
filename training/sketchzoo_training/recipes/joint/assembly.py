"""Assembly: both towers calibrated on val, with heads of three parts, exported as one model."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize

from sketchzoo.heads import PartsHead
from sketchzoo.images import Modality, Preprocessing
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import Emphasis, Focus, Layout
from sketchzoo.thresholds import SEEN_FROM, OpenWorld
from sketchzoo.tower_config import TowerConfig
from sketchzoo.towers import TowerNetwork, backbone
from sketchzoo_training.engine.recipe import RunDescription
from sketchzoo_training.evaluate.ranking import best_scores
from sketchzoo_training.models.export import export_artefact
from sketchzoo_training.models.sketch_net import BACKBONE
from sketchzoo_training.recipes.joint.batches import Sampler
from sketchzoo_training.recipes.joint.calibration import Calibration, Examples, calibrate, lifted
from sketchzoo_training.recipes.joint.centring import centre
from sketchzoo_training.recipes.joint.material import Material
from sketchzoo_training.recipes.joint.network import JointNetwork, Tower
from sketchzoo_training.recipes.joint.recipe import JointRecipe
from sketchzoo_training.recipes.joint.said import Said
from sketchzoo_training.recipes.towers.assembly import NAME
from sketchzoo_training.recipes.towers.calibration import Seen, seen_from
from sketchzoo_training.recipes.towers.drawings import UNSEEN


def assemble(
    recipe: JointRecipe,
    network: JointNetwork,
    record: RunDescription,
    run_dir: Path,
    minutes: float,
) -> ModelArtefact:
    """Centre, calibrate on val, give both towers their heads, and export to `run_dir/zoo-1`.

    Raises:
        ParityError: a graph's embeddings differ from torch's.

    """
    material, drawing = recipe.material, recipe.config.drawing
    network = network.eval()
    if recipe.config.centred:
        centre(network.photo, material)
    said = Said.by(network, material, drawing, run_dir / "cache", record.identity)
    shares = drawn_shares(recipe)
    chosen = calibrate(examples(material, said, shares))
    sharpness, shared = chosen.sharpness, material.shared
    photo_head = _head(
        network.photo, shared, chosen, sharpness.photo_temperature, sharpness.photo_doubt
    )
    sketch_head = _head(
        network.sketch, shared, chosen, sharpness.sketch_temperature, sharpness.sketch_doubt
    )
    with torch.no_grad():
        bias = sketch_head.classifier.bias
        bias.copy_(lifted(bias, shares, sharpness.lift))
    # What was said is of the logits as they were.
    heard = said.with_logits(lifted(said.of_drawings.logits, shares, sharpness.lift))
    worlds = _open_worlds(photo_head, sketch_head, material, heard, chosen)
    focuses = {
        focus: Emphasis(chosen.factors(focus), world.min_score if world else 0.0)
        for focus, world in worlds.items()
    }
    default = chosen.default
    unseen = frozenset(recipe.artefact.notes.get("unseen_classes", ()))
    begin, seen = _seen(material, said, sharpness.photo_temperature)
    return export_artefact(
        run_dir / NAME,
        NAME,
        {
            Modality.PHOTO: _exported(
                Modality.PHOTO,
                recipe.artefact.towers[Modality.PHOTO].preprocessing,
                network.photo,
                photo_head,
            ),
            Modality.SKETCH: _exported(
                Modality.SKETCH,
                Preprocessing(drawing.size, "ink", (0.5,), (0.5,), drawing.shown, drawing.pen),
                network.sketch,
                sketch_head,
            ),
        },
        run=record.made(recipe.steps),
        layout=Layout(photo_head.layout().parts, focuses, default),
        classes=material.drawings.names[: material.drawings.zoo],
        min_score=focuses[default].min_score,
        seen_from=begin,
        notes={
            "shared_classes": list(material.names[: material.shared]),
            "unseen_classes": sorted(unseen),
            "calibration": {**chosen.notes(), "chosen_by": chosen_by(unseen)},
            "open_world": _figures(worlds[default]),
            "open_world_by_focus": {str(focus): _figures(world) for focus, world in worlds.items()},
            "seen": {split: asdict(found) for split, found in seen.items()},
            "began_with": {
                "name": recipe.artefact.name,
                "fingerprint": recipe.artefact.fingerprint,
            },
            "settings": dict(record.settings),
            "minutes": round(minutes, 1),
        },
    )


def drawn_shares(recipe: JointRecipe) -> Tensor:
    """Return how often training drew from each class of drawings, above 0; 1 is the mean."""
    material = recipe.material
    shares = np.ones(len(material.names), np.float32)
    of_photos = Sampler(material, recipe.config).shares()
    shares[: len(of_photos)] = of_photos
    return torch.from_numpy(shares)


def examples(material: Material, said: Said, shares: Tensor) -> Examples:
    """Return what calibration asks.

    Of the classes that no training saw every other one takes part, by what was drawn of its own
    photos: the rest are for figures that nothing was chosen by.
    """
    split = material.drawings.split[said.drawings]
    labels = material.drawing_labels[said.drawings]
    pair = material.pair[said.drawings]
    place = {int(picture): number for number, picture in enumerate(said.photos[: said.zoo])}
    asked = split == "val"
    unseen = chosen_by(material.pictures.names[len(material.names) :])
    some = [material.pictures.names.index(name) for name in unseen]
    strange = (split == UNSEEN) & (pair >= 0) & np.isin(labels, some)
    return Examples(
        gallery=said.of_photos,
        labels=material.pictures.labels[said.photos],
        own=said.zoo,
        asked=said.drawings_where(asked),
        wanted=labels[asked],
        photo=np.array([place.get(int(picture), -1) for picture in pair[asked]], np.intp),
        strange=said.drawings_where(strange),
        strange_wanted=labels[strange],
        shared=material.shared,
        shares=shares,
    )


def chosen_by(unseen: Iterable[str]) -> list[str]:
    """Return the unseen classes that a calibration is chosen by: every other one by name."""
    return sorted(unseen)[::2]


def _head(
    tower: Tower, shared: int, chosen: Calibration, temperature: float, doubt: float
) -> PartsHead:
    """Return a trained head as it was calibrated."""
    classes, general, shape = tower.sizes
    head = PartsHead(
        tower.head.classifier.in_features,
        classes,
        shared,
        general,
        shape,
        cell=tower.head.cell.out_features,
        grid=tower.head.grid,
        temperature=temperature,
        weights=chosen.weights,
        doubt=doubt,
    )
    head.load_state_dict(tower.head.state_dict())
    return head.eval()


def _exported(
    modality: Modality, how: Preprocessing, tower: Tower, head: PartsHead
) -> tuple[TowerConfig, TowerNetwork]:
    """Return a tower as it is described and served: without what training drops."""
    net, _ = backbone(BACKBONE, how.channels)
    net.load_state_dict(tower.backbone.state_dict())
    described = {
        "kind": "parts",
        "classes": head.classifier.out_features,
        "shared": head.shared,
        "general": head.general.out_features,
        "shape": head.shape.out_features,
        "cell": head.cell.out_features,
        "grid": head.grid,
        "temperature": head.temperature,
        "weights": list(head.weights),
        "doubt": head.doubt,
    }
    network = {"backbone": BACKBONE, "head": described}
    return TowerConfig(str(modality), how, network), TowerNetwork(net, head)


def _open_worlds(
    photo: PartsHead, sketch: PartsHead, material: Material, said: Said, chosen: Calibration
) -> dict[Focus, OpenWorld | None]:
    """Return for each focus which score tells val's sketches from those of unseen things."""
    split = material.drawings.split[said.drawings]
    zoo = np.arange(len(said.photos)) < said.zoo
    with torch.inference_mode():
        gallery = photo.joined(*said.photos_where(zoo))
        asked = {
            which: sketch.joined(*said.drawings_where(split == which)) for which in ("val", UNSEEN)
        }
    sizes = torch.tensor([part.size for part in photo.layout().parts])
    worlds: dict[Focus, OpenWorld | None] = {}
    for focus in chosen.mixtures:
        factors = torch.tensor(chosen.factors(focus)).repeat_interleave(sizes)
        known, unknown = (
            best_scores(normalize(asked[which] * factors, dim=1).numpy(), gallery.numpy())
            for which in ("val", UNSEEN)
        )
        worlds[focus] = OpenWorld.of(known, unknown) if len(unknown) else None
    return worlds


def _figures(world: OpenWorld | None) -> dict[str, Any]:
    return world.figures() if world else {}


def _seen(
    material: Material, said: Said, temperature: float
) -> tuple[float | None, dict[str, Seen]]:
    """Return from where a class counts as seen, by photos of val, and what that claims by split."""
    pictures = material.pictures
    split, labels = pictures.split[said.photos], pictures.labels[said.photos]

    def of(name: str) -> tuple[Tensor, npt.NDArray[np.int64], int, float]:
        chosen = split == name
        return said.photos_where(chosen).logits, labels[chosen], material.shared, temperature

    begin = seen_from(*of("val"))
    there = [name for name in ("val", "test", UNSEEN) if (split == name).any()]
    return begin, {name: Seen.on(*of(name), begin or SEEN_FROM) for name in there}
