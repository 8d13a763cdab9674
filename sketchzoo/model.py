"""The model artefact: a folder that says all that a service must know of a model.

`config.json` names the model, its embedding's length, a tower for each modality
(the two may share one) with its preprocessing, the run that made it and the fingerprint.
Beside it lie each tower's weights, `<stem>.safetensors`, and its graph, `<stem>.onnx`,
which names them as its external data. docs/models.md tells every field.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from sketchzoo.files import write_atomically
from sketchzoo.fingerprint import fingerprint
from sketchzoo.images import PREPROCESSING_VERSION, Modality, Preprocessing
from sketchzoo.model_error import ModelError
from sketchzoo.parts import Layout
from sketchzoo.text_config import TextConfig
from sketchzoo.tower_config import TowerConfig

# Installed, they lie inside of this package; in a checkout and in an image beside it.
_INSIDE = Path(__file__).resolve().parent / "models"
SHIPPED = _INSIDE if _INSIDE.is_dir() else _INSIDE.parent.parent / "models"


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

    `layout` says what lies where in an embedding. `towers` has one entry a modality; one network
    for both is the same `TowerConfig` twice. `run` made the weights; None where no single run
    did. `min_score` is the calibrated score under which a hit likely shows something else than
    the query, 0 where nothing was calibrated. `seen_from` is the posterior from which a photo's
    likeliest class counts as seen; None where nothing was calibrated: then nothing is seen.
    `text` is a text tower; few models have one.
    """

    folder: Path
    name: str
    dimension: int
    towers: Mapping[Modality, TowerConfig]
    fingerprint: str
    layout: Layout
    run: RunRecord | None = None
    classes: tuple[str, ...] = ()
    min_score: float = 0.0
    seen_from: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    text: TextConfig | None = None

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise ValueError(f"dimension must be at least 1, not {self.dimension}")
        if self.layout.dimension != self.dimension:
            raise ValueError(
                f"the parts of an embedding have {self.layout.dimension} values in sum, and "
                f"dimension is {self.dimension}"
            )
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
            layout = config.get("layout")
            return cls(
                folder=folder,
                name=config["name"],
                dimension=config["dimension"],
                towers={Modality(m): towers[name] for m, name in config["modalities"].items()},
                fingerprint=config["fingerprint"],
                layout=Layout.of(layout) if layout else Layout.whole(config["dimension"]),
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
        """See that weights, networks and preprocessing come to the fingerprint that is stated.

        Raises:
            ModelError: they don't, or a file is missing.

        """
        towers = self.towers.values()
        if (found := fingerprint(self.folder, towers)) == self.fingerprint:
            return
        names = sorted({tower.safetensors for tower in towers})
        names += sorted({tower.onnx for tower in towers if tower.is_graph_alone})
        raise ModelError(
            f"{self.folder}: weights ({', '.join(names)}), networks and preprocessing come to the "
            f"fingerprint {found}, and config.json states {self.fingerprint}: a file is damaged, "
            "or another model's: copy the folder anew; or an earlier release made it: export it "
            "anew"
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
        if self.layout != Layout.whole(self.dimension):
            config["layout"] = self.layout.values()
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
