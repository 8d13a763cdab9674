"""Joining the sides: heads of one embedding, with temperatures and weight chosen on val."""

from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sketchzoo.heads import PosteriorHead
from sketchzoo.thresholds import SEEN_FROM, SEEN_LEVELS, SEEN_PRECISION
from sketchzoo_training.recipes.towers.photo_features import Linear

PHOTO_TEMPERATURES = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5)
SKETCH_TEMPERATURES = (0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 2.0)
WEIGHTS = (0.3, 0.5, 0.7, 0.9)
LIFTS = (0.0, 0.3, 0.6, 0.9)
SLACK = 0.001
"""What of P@12 on val a more doubtful sketch side may cost: doubt finds unseen things."""
PHOTOS = 13
"""A class's photos in the galleries that val's sketches ask: `test` has 12 to 14."""
GALLERIES = 4


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was chosen on val, and P@12 there with it."""

    photo_temperature: float
    sketch_temperature: float
    weight: float
    lift: float
    val_p12: float

    def doubt(self) -> tuple[float, float, float]:
        """Order calibrations by how much more the sketch side doubts than the photo side."""
        ratio = self.sketch_temperature / self.photo_temperature
        return round(ratio, 6), self.weight, self.val_p12

    def lifted(self, classifier: Linear, shares: Tensor) -> Linear:
        """Return a sketch classifier that finds rare classes as this calibration says."""
        return Linear(classifier.weight, classifier.bias - self.lift * shares.log())

    def notes(self) -> dict[str, Any]:
        """Return the figures for the artefact's configuration."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """On which share of some photos a class counts as seen, and on which of these it is right."""

    photos: int
    claimed: float
    right: float

    @classmethod
    def on(
        cls,
        logits: Tensor,
        labels: npt.NDArray[np.int64],
        shared: int,
        temperature: float,
        begin: float = SEEN_FROM,
    ) -> Self:
        """Look at photos that the classifier did not learn from, by their `logits` `(n, classes)`.

        Labels from `shared` on are of what no class names: nothing claimed of that is right. A
        class is claimed from a posterior of `begin` on.
        """
        posterior = torch.softmax(logits / temperature, 1)[:, :shared]
        best, likeliest = (each.numpy() for each in posterior.max(1))
        sure = best >= begin
        hits = (likeliest == labels)[sure]
        return cls(
            len(labels),
            round(float(sure.mean()), 4) if len(labels) else 0.0,
            round(float(hits.mean()), 4) if len(hits) else 0.0,
        )


def seen_from(
    logits: Tensor, labels: npt.NDArray[np.int64], shared: int, temperature: float
) -> float | None:
    """Return the least level from which what is claimed (`Seen.on`) is right often enough."""
    for begin in SEEN_LEVELS:
        if Seen.on(logits, labels, shared, temperature, begin).right >= SEEN_PRECISION:
            return begin
    return None


def head(
    classifier: Linear, general: Linear, shared: int, temperature: float, weight: float
) -> PosteriorHead:
    """Build one side's head from its linear maps; classes after `shared` are something else."""
    classes, length = classifier.weight.shape
    built = PosteriorHead(
        length, classes, shared, len(general.bias), temperature=temperature, weight=weight
    )
    with torch.no_grad():
        built.classifier.weight.copy_(classifier.weight)
        built.classifier.bias.copy_(classifier.bias)
        built.general.weight.copy_(general.weight)
        built.general.bias.copy_(general.bias)
    return built.eval()


def parts(
    logits: Tensor, general: Tensor, shared: int, temperature: float
) -> tuple[Tensor, Tensor]:
    """Return an embedding's two parts, each of norm 1, from logits and general values."""
    posterior = torch.softmax(logits / temperature, dim=1)
    other = posterior[:, shared:].sum(1, keepdim=True)
    roots = torch.cat([posterior[:, :shared], other], dim=1).sqrt()
    return roots, torch.nn.functional.normalize(general, dim=1)


def precision(
    scores: Tensor, queries: npt.NDArray[np.int64], gallery: npt.NDArray[np.int64], k: int = 12
) -> npt.NDArray[np.float64]:
    """Return each query's P@k: `(queries,)`, from scores `(queries, photos)`."""
    best = scores.topk(min(k, scores.shape[1]), dim=1).indices.numpy()
    hits: npt.NDArray[np.float64] = (gallery[best] == queries[:, None]).sum(1) / k
    return hits


def calibrate(
    sketches: tuple[Tensor, Tensor],
    photos: tuple[Tensor, Tensor],
    shared: int,
    queries: npt.NDArray[np.int64],
    gallery: npt.NDArray[np.int64],
    *,
    shares: Tensor,
) -> Calibration:
    """Choose temperatures, weight and lift: the most doubtful within `SLACK` of the best P@12.

    A sketch side that doubts more than the photo side, whose general part counts, finds
    photos of what no class names, and hardly fewer of what one does. The lift takes back
    what training taught of how common each class is (arXiv 2007.07314).

    `sketches` and `photos` are logits and general values of val's sketches and of photos
    whose logits come from probes that have not seen them, with their labels `queries` and
    `gallery`: P@12 is the mean over galleries drawn from them, `PHOTOS` of each class.
    `shares` tell how often training drew from each class, above 0.
    """
    logits, general = sketches
    galleries = draw_galleries(gallery)
    tried = []
    for cold in PHOTO_TEMPERATURES:
        there = parts(*photos, shared, cold)
        for warm, lift in product(SKETCH_TEMPERATURES, LIFTS):
            here = parts(logits - lift * shares.log(), general, shared, warm)
            named, alike = here[0] @ there[0].T, here[1] @ there[1].T
            for weight in WEIGHTS:
                scores = weight * named + (1 - weight) * alike
                hits = [precision(scores[:, some], queries, gallery[some]) for some in galleries]
                p12 = round(float(np.mean(hits)), 4)
                tried.append(Calibration(cold, warm, weight, lift, p12))
    enough = max(each.val_p12 for each in tried) - SLACK
    return max((each for each in tried if each.val_p12 >= enough), key=Calibration.doubt)


def draw_galleries(labels: npt.NDArray[np.int64]) -> list[npt.NDArray[np.intp]]:
    """Draw `GALLERIES` galleries from photos: the places of up to `PHOTOS` of each class."""
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    rng = np.random.default_rng(0)
    return [
        np.concatenate([rng.permutation(those)[:PHOTOS] for those in members])
        for _ in range(GALLERIES)
    ]
