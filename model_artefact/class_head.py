"""A tower's classifier as numbers: what it says of features, and what more rows would say.

Towers of the shipped kind (`sketchzoo.heads.PosteriorHead`, `PartsHead`) name classes by a linear
layer on the backbone's features. A class more is a row more of that layer, of both towers. What
the rows of before say of an image stays; it is shared out among more classes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.parts import CLASS

Floats = npt.NDArray[np.float32]
WEIGHT, BIAS = "head.classifier.weight", "head.classifier.bias"
"""The classifier's tensors, `(classes, features)` and `(classes,)`."""
_GENERAL = ("head.general.weight", "head.general.bias")
KINDS = ("posterior", "parts")
"""The heads that have one."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a classifier: weight `(classes, features)`, bias `(classes,)`."""

    weight: Floats
    bias: Floats

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:  # noqa: PLR2004 - a matrix
            raise ValueError(f"a bias a row: {self.bias.shape} does not fit {self.weight.shape}")

    def __call__(self, features: Floats) -> Floats:
        """Map features `(n, features)` to logits `(n, classes)`."""
        logits: Floats = features @ self.weight.T + self.bias
        return logits

    def replaced(self, places: npt.NDArray[np.int64], rows: "Rows") -> "Rows":
        """Return these rows with others in the place of some."""
        weight, bias = self.weight.copy(), self.bias.copy()
        weight[places], bias[places] = rows.weight, rows.bias
        return Rows(weight, bias)

    def inserted(self, rows: "Rows", place: int) -> "Rows":
        """Return these rows with others put in before `place`."""
        return Rows(
            np.concatenate([self.weight[:place], rows.weight, self.weight[place:]]),
            np.concatenate([self.bias[:place], rows.bias, self.bias[place:]]),
        )


@dataclass(frozen=True, slots=True)
class ClassHead:
    """One tower's classifier; its first `shared` classes are those that both towers know.

    `general` makes the part of an embedding in which photos and sketches meet without a class.
    """

    rows: Rows
    general: Rows
    shared: int
    temperature: float
    doubt: float = 0.0

    @classmethod
    def of(cls, artefact: ModelArtefact, modality: Modality) -> Self:
        """Read it from an artefact.

        Raises:
            ModelError: the tower is of another kind, or its weights are missing or damaged.

        """
        head = artefact.towers[modality].network.get("head", {})
        path = artefact.safetensors(modality)
        try:
            values = load_file(path)
            rows, general = (
                Rows(*(values[name].astype(np.float32) for name in names))
                for names in ((WEIGHT, BIAS), _GENERAL)
            )
            return cls(rows, general, head["shared"], head["temperature"], head.get("doubt", 0.0))
        except FileNotFoundError as error:
            raise ModelError(f"{path} is missing") from error
        except (SafetensorError, KeyError, ValueError) as error:
            raise ModelError(f"{path} does not hold what config.json says: {error}") from error

    def class_part(self, features: Floats, more: Rows | None = None) -> Floats:
        """Return the class part of embeddings, before its weight: `(n, shared + more + 1)`.

        Of norm 1, or less where the tower doubts.
        """
        posterior = self.posterior(features, more)
        count = self.shared + (0 if more is None else len(more.bias))
        other = posterior[:, count:].sum(axis=1, keepdims=True)
        roots = np.sqrt(np.concatenate([posterior[:, :count], other], axis=1) + 1e-9)
        roots /= np.linalg.norm(roots, axis=1, keepdims=True)
        part: Floats = roots * posterior.max(axis=1, keepdims=True) ** self.doubt
        return part

    def posterior(self, features: Floats, more: Rows | None = None) -> Floats:
        """Return the posterior `(n, classes)`; `more` classes stand after the shared ones."""
        rows = self.rows if more is None else self.rows.inserted(more, self.shared)
        return softmax(rows(features) / self.temperature)


def known_classes(artefact: ModelArtefact) -> tuple[str, ...]:
    """Return the classes that both towers of an artefact name, in the order of its class part.

    Raises:
        ModelError: classes can't join it, and why.

    """
    if any(tower.is_graph_alone for tower in artefact.towers.values()):
        raise ModelError(
            f"{artefact.name} was imported as an ONNX graph and names no classes: only models of "
            "the shipped kind learn more of them (docs/finetune.md)"
        )
    part = artefact.layout.parts[0]
    classes = tuple(artefact.notes.get("shared_classes", ()))
    heads = [tower.network.get("head", {}) for tower in artefact.towers.values()]
    if (
        part.name != CLASS
        or part.size != len(classes) + 1
        or any(head.get("kind") not in KINDS for head in heads)
        or any(head.get("shared") != len(classes) for head in heads)
    ):
        raise ModelError(
            f"{artefact.name} has embeddings that name no classes: only models of the shipped "
            "kind learn more of them (docs/finetune.md)"
        )
    if len({tower.stem for tower in artefact.towers.values()}) == 1:
        raise ModelError(f"{artefact.name} has one network for photos and sketches, not two towers")
    return classes


def softmax(logits: Floats) -> Floats:
    """Return posteriors of logits, row by row."""
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    posterior: Floats = grown / grown.sum(axis=1, keepdims=True)
    return posterior
