"""The model artefact: a folder that says all that a service must know of a model.

`config.json` names the model, its embedding's length, a tower for each modality
(the two may share one) with its preprocessing, the run that made it and the fingerprint.
Beside it lie each tower's weights, `<stem>.safetensors`, and its graph, `<stem>.onnx`,
which names them as its external data. docs/models.md tells every field.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

from sketchzoo.files import write_atomically
from sketchzoo.images import PREPROCESSING_VERSION, Modality, Preprocessing
from sketchzoo.text_config import TextConfig

# Installed, they lie inside of this package; in a checkout and in an image beside it.
_INSIDE = Path(__file__).resolve().parent / "models"
SHIPPED = _INSIDE if _INSIDE.is_dir() else _INSIDE.parent.parent / "models"


class ModelError(ValueError):
    """The artefact cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class TowerConfig:
    """How one network of a model is described: its files, architecture and preprocessing.

    `network` describes the architecture for `sketchzoo.towers`, for instance
    `{"backbone": "efficientnet_lite0", ...}`; of a tower that was imported as a graph it tells
    `{"kind": "onnx", ...}` and where that came from. Two towers of one network that prepare
    their images otherwise share its files by the same `stem`; it is the name where none is given.
    """

    name: str
    preprocessing: Preprocessing
    network: Mapping[str, Any]
    stem: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stem", self.stem or self.name)
        for part in (self.name, self.stem):
            if not part.isidentifier():
                raise ValueError(f"a tower's name, and its files' stem, is a word, not {part!r}")

    @property
    def safetensors(self) -> str:
        """The name of the weights' file."""
        return f"{self.stem}.safetensors"

    @property
    def onnx(self) -> str:
        """The name of the graph's file."""
        return f"{self.stem}.onnx"

    @property
    def is_graph_alone(self) -> bool:
        """Tell whether nothing but its graph says what the tower computes: it was imported."""
        return self.network.get("kind") == "onnx"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The training run that made a model.

    `digest` hashes all settings that decide the weights, `data` what it learned from; a
    run of the same recipe, digest, data and seed comes to the same weights after `steps`.
    """

    recipe: str
    digest: str
    data: str
    seed: int
    steps: int

    def __post_init__(self) -> None:
        for name in ("recipe", "digest", "data"):
            if not getattr(self, name):
                raise ValueError(f"{name} of the run must not be empty")
        if self.steps < 0:
            raise ValueError(f"steps of the run must be at least 0, not {self.steps}")

    def __str__(self) -> str:
        return (
            f"Run `{self.digest}` of the recipe {self.recipe} on data `{self.data}`, "
            f"seed {self.seed}, {self.steps} steps."
        )


@dataclass(frozen=True, slots=True)
class ModelArtefact:
    """A model as it lies in its folder.

    `towers` has one entry a modality; one network for both is the same `TowerConfig` twice.
    `run` made the weights; None where no single run did. `min_score` is the calibrated
    score under which a hit likely shows something else than the query, 0 where nothing was
    calibrated. `seen_from` is the posterior from which a photo's likeliest class counts as
    seen; None where nothing was calibrated: then nothing is seen. `text` is a text tower; few
    models have one.
    """

    folder: Path
    name: str
    dimension: int
    towers: Mapping[Modality, TowerConfig]
    fingerprint: str
    run: RunRecord | None = None
    classes: tuple[str, ...] = ()
    min_score: float = 0.0
    seen_from: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    text: TextConfig | None = None

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise ValueError(f"dimension must be at least 1, not {self.dimension}")
        if set(self.towers) != set(Modality):
            raise ValueError("towers must have an entry for photo and one for sketch")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score must be 0 to 1, not {self.min_score}")
        if self.seen_from is not None and not 0 < self.seen_from <= 1:
            raise ValueError(f"seen_from must be above 0 and at most 1, not {self.seen_from}")

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read an artefact from a folder, or a shipped one by its bare name.

        Raises:
            ModelError: the folder or a file is missing, the configuration is wrong, the
                model needs another version of the preprocessing, or weights and
                preprocessing do not come to the fingerprint.

        """
        artefact = cls.read(folder)
        artefact.verify()
        return artefact

    @classmethod
    def read(cls, folder: Path | str) -> Self:
        """Read what an artefact's configuration says, and none of its other files.

        Raises:
            ModelError: the folder or its configuration is missing or wrong, or the model needs
                another version of the preprocessing.

        """
        folder = _find(folder)
        path = folder / "config.json"
        try:
            config = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise ModelError(f"{folder} is no model: it has no config.json") from error
        except ValueError as error:
            raise ModelError(f"{path} is not JSON: {error}") from error
        try:
            towers = {
                name: TowerConfig(
                    name,
                    _preprocessing(tower["preprocessing"], path),
                    tower["network"],
                    tower.get("stem", ""),
                )
                for name, tower in config["towers"].items()
            }
            text = config.get("text")
            return cls(
                folder=folder,
                name=config["name"],
                dimension=config["dimension"],
                towers={Modality(m): towers[name] for m, name in config["modalities"].items()},
                fingerprint=config["fingerprint"],
                run=RunRecord(**config["run"]) if config.get("run") else None,
                classes=tuple(config.get("classes", ())),
                min_score=config.get("min_score", 0.0),
                seen_from=config.get("seen_from"),
                notes=config.get("notes", {}),
                text=TextConfig(**{**text, "inputs": tuple(text["inputs"])}) if text else None,
            )
        except ModelError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path}: {error!r}") from error

    def verify(self) -> None:
        """See that weights and preprocessing come to the fingerprint that is stated.

        Raises:
            ModelError: they don't, or a file is missing.

        """
        towers = self.towers.values()
        if (found := fingerprint(self.folder, towers)) == self.fingerprint:
            return
        names = sorted({tower.safetensors for tower in towers})
        names += sorted({tower.onnx for tower in towers if tower.is_graph_alone})
        raise ModelError(
            f"{self.folder}: weights ({', '.join(names)}) and preprocessing come to the "
            f"fingerprint {found}, and config.json states {self.fingerprint}: a file is damaged, "
            "or another model's; copy the folder anew"
        )

    def save_config(self) -> None:
        """Write `config.json` into the artefact's folder."""
        towers = {tower.name: tower for tower in self.towers.values()}
        config = {
            "name": self.name,
            "dimension": self.dimension,
            "fingerprint": self.fingerprint,
            "modalities": {str(m): tower.name for m, tower in self.towers.items()},
            "towers": {
                name: {
                    "preprocessing": asdict(tower.preprocessing),
                    "network": dict(tower.network),
                    "stem": tower.stem,
                }
                for name, tower in towers.items()
            },
            "run": None if self.run is None else asdict(self.run),
            "classes": list(self.classes),
            "min_score": self.min_score,
            "seen_from": self.seen_from,
            "notes": dict(self.notes),
        }
        if self.text is not None:
            config["text"] = asdict(self.text)
        write_atomically(self.folder / "config.json", json.dumps(config, indent=2) + "\n")

    def onnx(self, modality: Modality) -> Path:
        """Return the path of a modality's graph.

        Its input `images` is float32 `(n, channels, size, size)`, its output
        `embedding` float32 `(n, dimension)`, each row of L2 norm 1.
        """
        return self.folder / self.towers[modality].onnx

    def safetensors(self, modality: Modality) -> Path:
        """Return the path of a modality's weights."""
        return self.folder / self.towers[modality].safetensors


def fingerprint(folder: Path, towers: Iterable[TowerConfig]) -> str:
    """Hash each tower's weights (its safetensors file's bytes) and preprocessing.

    Of an imported tower the graph is hashed as well: nothing else says which of a network's
    values are the embedding. Returns 16 hexadecimal digits: two models with the same ones give
    the same embeddings.

    Raises:
        ModelError: a tower's weights, or an imported one's graph, are missing.

    """
    digest = hashlib.sha256()
    hashed = cache(_hashed)  # of files that two towers share, once
    for name, tower in sorted({tower.name: tower for tower in towers}.items()):
        digest.update(name.encode())
        digest.update(hashed(folder / tower.safetensors))
        if tower.is_graph_alone:
            digest.update(hashed(folder / tower.onnx))
        digest.update(json.dumps(asdict(tower.preprocessing), sort_keys=True).encode())
    return digest.hexdigest()[:16]


def text_fingerprint(folder: Path, files: Iterable[str]) -> str:
    """Hash a text tower's files: 16 hexadecimal digits.

    Raises:
        ModelError: one of them is missing.

    """
    digest = hashlib.sha256()
    for name in files:
        digest.update(_hashed(folder / name))
    return digest.hexdigest()[:16]


def _hashed(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing") from error


def _find(folder: Path | str) -> Path:
    # A path that leads nowhere must not serve something else that is called the same.
    is_name = os.fspath(folder) == Path(folder).name
    folder = Path(folder)
    if is_name and not folder.exists() and (SHIPPED / folder).is_dir():
        folder = SHIPPED / folder
    if not folder.is_dir():
        shipped = ", ".join(sorted(path.parent.name for path in SHIPPED.glob("*/config.json")))
        raise ModelError(
            f"{folder} is no folder: give a model artefact's, or the name of one that is "
            f"shipped ({shipped or 'none is'})"
        )
    return folder


def _preprocessing(values: Mapping[str, Any], path: Path) -> Preprocessing:
    version = values.get("version", 1)
    if version != PREPROCESSING_VERSION:
        raise ModelError(
            f"{path} was made for version {version} of the preprocessing, and this release "
            f"prepares images by version {PREPROCESSING_VERSION}: serve it with the release that "
            "made it, or train it anew (docs/training.md)"
        )
    fields: dict[str, Any] = {
        # JSON knows no tuples.
        key: tuple(value) if isinstance(value, list) else value
        for key, value in values.items()
    }
    return Preprocessing(**fields)
