"""The study: presets trained, measured on `test`, and kept as one list of results."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact, TowerConfig
from sketchzoo.onnx import open_session
from sketchzoo.towers import build_tower
from sketchzoo_training.data import ImageFile, filled_up, list_images, load_training_set
from sketchzoo_training.engine.report import Report
from sketchzoo_training.engine.run_folder import write_json
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.evaluate.embedding import embed
from sketchzoo_training.evaluate.evaluation import Evaluation, evaluate_rankings
from sketchzoo_training.evaluate.metrics import interval
from sketchzoo_training.evaluate.ranking import Vectors, rank
from sketchzoo_training.models.network_config import NetworkConfig
from sketchzoo_training.models.siamese import describe, preprocessing
from sketchzoo_training.recipes.settings import preset_names, read_preset
from sketchzoo_training.recipes.siamese.config import TrainingConfig, parse_config
from sketchzoo_training.recipes.siamese.inference import retrieve
from sketchzoo_training.recipes.siamese.trainer import load_best, store_of, train
from sketchzoo_training.study.figures import MINI_CLASSES

TIMED_RUNS = 40


@dataclass(frozen=True, slots=True)
class Result:
    """What one experiment gave, measured on the `test` split.

    `kind` is `mini` (5 classes) or `full`; `milliseconds` is a sketch's inference with
    ONNX Runtime on one thread; `cpu_minutes` were spent on training; `interval` is the
    95 % bootstrap interval of `p_at_12`.
    """

    name: str
    kind: str
    loss: str
    backbone: str
    size: int
    dimension: int
    p_at_12: float
    interval: tuple[float, float]
    m_ap: float
    per_source: dict[str, float]
    validation: float
    steps: int
    cpu_minutes: float
    milliseconds: float
    megabytes: float

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Result":
        """Read a result back from JSON's types."""
        return cls(**{**values, "interval": tuple(values["interval"])})


@dataclass(frozen=True, slots=True)
class Scatter:
    """A 2-d embedding of test images: points `(n, 2)`, each one's class and modality."""

    name: str
    points: Vectors = field(repr=False)
    classes: tuple[str, ...] = field(repr=False)
    photos: int = 0


class Study:
    """Results and scatters in a folder; what was measured before is not measured again."""

    def __init__(self, out: Path, data_dir: Path) -> None:
        self.out = out
        self.data_dir = data_dir
        out.mkdir(parents=True, exist_ok=True)

    @property
    def results(self) -> list[Result]:
        """All results so far."""
        path = self.out / "results.json"
        return [Result.of(v) for v in json.loads(path.read_text())] if path.exists() else []

    def add(self, result: Result) -> None:
        """Keep a result, in place of an older one of its name."""
        kept = [old for old in self.results if old.name != result.name]
        write_json(self.out / "results.json", [asdict(one) for one in (*kept, result)])

    def run(self, preset: str, *, changes: dict[str, Any], listen: Callable[[Report], Any]) -> None:
        """Train a preset (or go on, or take what is there) and measure it."""
        config = parse_config(_changed(read_preset(preset), changes), preset)
        folder = self.out / "runs" / preset.replace("/", "-")
        trained = train(config, self.data_dir, folder, listen=listen)
        evaluation, photos, sketches = self._on_test(config, folder)
        milliseconds, megabytes = self.time_of(config.network, config.data.size)
        kind = "mini" if config.data.classes else "full"
        self.add(
            _result(
                evaluation,
                name=preset,
                kind=kind,
                loss=config.loss.name,
                backbone=config.network.backbone,
                size=config.data.size,
                dimension=config.network.dimension,
                validation=trained["validation_p@12"],
                steps=trained["steps"],
                cpu_minutes=round(trained["cpu_seconds"] / 60, 1),
                milliseconds=milliseconds,
                megabytes=megabytes,
            )
        )
        if config.network.dimension == 2:  # noqa: PLR2004 - what paper can show
            classes = [file.class_name for file in (*evaluation.gallery, *evaluation.queries)]
            np.savez(
                self.out / f"scatter-{preset.replace('/', '-')}.npz",
                points=np.concatenate([photos, sketches]),
                classes=np.array(classes),
                photos=len(photos),
            )

    def scatters(self) -> list[Scatter]:
        """Return the 2-d embeddings that were kept."""
        found = []
        for path in sorted(self.out.glob("scatter-*.npz")):
            with np.load(path) as kept:
                name = path.stem.removeprefix("scatter-")
                points, classes = kept["points"], tuple(kept["classes"].tolist())
                found.append(Scatter(name, points, classes, int(kept["photos"])))
        return found

    def measure_model(self, name: str) -> None:
        """Measure a model artefact as the runs are, on all classes and on the five."""
        artefact = ModelArtefact.load(name)
        tower = artefact.towers[Modality.SKETCH]
        milliseconds = time_onnx(artefact.onnx(Modality.SKETCH), tower.preprocessing.size)
        files = {
            (modality, split): list_images(self.data_dir, modality, split=split)
            for modality in Modality
            for split in ("val", "test")
        }
        # As training's own validation does it, so that the figures compare.
        files[Modality.PHOTO, "val"] = filled_up(
            files[Modality.PHOTO, "val"], list_images(self.data_dir, Modality.PHOTO, split="train")
        )
        kinds: dict[str, Callable[[ImageFile], bool]] = {
            "full": lambda _: True,
            "mini": lambda file: file.class_name in MINI_CLASSES,
        }
        embedded = {(m, s): embed(artefact, own, m) for (m, s), own in files.items()}
        names = {each.name for each in artefact.towers.values()}
        for kind, belongs in kinds.items():
            found = {}
            for split in ("val", "test"):
                photos, sketches = (embedded[modality, split] for modality in Modality)
                of_photos = [belongs(file) for file in photos.files]
                of_sketches = [belongs(file) for file in sketches.files]
                found[split] = evaluate_rankings(
                    [f for f, own in zip(photos.files, of_photos, strict=True) if own],
                    [f for f, own in zip(sketches.files, of_sketches, strict=True) if own],
                    rank(sketches.vectors[of_sketches], photos.vectors[of_photos]),
                )
            self.add(
                _result(
                    found["test"],
                    name=artefact.name if kind == "full" else f"{artefact.name} (5 classes)",
                    kind=kind,
                    loss="towers" if len(names) > 1 else "one network",
                    backbone=str(tower.network.get("backbone", "")),
                    size=tower.preprocessing.size,
                    dimension=artefact.dimension,
                    validation=found["val"].per_query.mean("p@12") or 0.0,
                    steps=0,
                    cpu_minutes=0.0,
                    milliseconds=milliseconds,
                    megabytes=artefact.safetensors(Modality.SKETCH).stat().st_size / 1e6,
                )
            )

    def time_of(self, config: NetworkConfig, size: int) -> tuple[float, float]:
        """Return a network's milliseconds an image and megabytes, exported untrained."""
        kept = self.out / "times.json"
        times: dict[str, tuple[float, float]] = (
            json.loads(kept.read_text()) if kept.exists() else {}
        )
        key = f"{config.backbone} {size} px"
        if key not in times:
            described = describe(config)
            tower = TowerConfig("timed", preprocessing(config, size, Modality.SKETCH), described)
            write_tower(build_tower(described), tower, self.out)
            graph, weights = self.out / tower.onnx, self.out / tower.safetensors
            times[key] = time_onnx(graph, size), weights.stat().st_size / 1e6
            graph.unlink()
            weights.unlink()
            write_json(kept, times)
        milliseconds, megabytes = times[key]
        return milliseconds, megabytes

    def _on_test(self, config: TrainingConfig, folder: Path) -> tuple[Evaluation, Vectors, Vectors]:
        data = load_training_set(self.data_dir, config.data)
        photos, sketches = (
            store_of(data.of(modality, "test"), modality, config)[0] for modality in Modality
        )
        best = load_best(folder, config)
        return retrieve(best, photos, sketches, config.distance, torch.device("cpu"))


def chosen_presets(patterns: Sequence[str]) -> list[str]:
    """Return the presets of the Siamese recipe that match any of the patterns.

    Raises:
        ConfigError: a pattern matches none.

    """
    names = [n for n in preset_names() if read_preset(n).get("recipe", "siamese") == "siamese"]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in names):
            raise ConfigError(f"no preset is like {pattern!r}; there are {', '.join(names)}")
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


def time_onnx(path: Path, size: int, *, runs: int = TIMED_RUNS) -> float:
    """Return the least of `runs` inferences of one image on one thread, in milliseconds.

    The least, since other work on the machine only ever adds.
    """
    session = open_session(path)
    channels = session.get_inputs()[0].shape[1]
    image = np.zeros((1, channels, size, size), np.float32)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        session.run(None, {"images": image})
        times.append(time.perf_counter() - start)
    return round(min(times) * 1000, 2)


def ship(results: Sequence[Result], *, most_milliseconds: float) -> Result | None:
    """Name the model to ship; None where no result serves.

    The rule: of the models of all classes that answer a sketch within
    `most_milliseconds` and whose file has at most 20 MB, the one with the best P@12 on
    `val`; of those within half a point of it, the fastest. `test` has no say.
    """
    fit = [
        result
        for result in results
        if result.kind == "full"
        and result.milliseconds <= most_milliseconds
        and result.megabytes <= 20  # noqa: PLR2004 - the rule's own
    ]
    if not fit:
        return None
    best = max(result.validation for result in fit)
    near = [result for result in fit if result.validation >= best - 0.005]
    return min(near, key=lambda result: result.milliseconds)


def pareto(results: Sequence[Result]) -> list[Result]:
    """Return the results that no other beats in both time and P@12, fastest first."""
    front: list[Result] = []
    for result in sorted(results, key=lambda r: (r.milliseconds, -r.p_at_12)):
        if not front or result.p_at_12 > front[-1].p_at_12:
            front.append(result)
    return front


def _result(evaluation: Evaluation, **values: Any) -> Result:
    report = evaluation.report()
    low, high = interval(evaluation.per_query.values["p@12"]) or (0.0, 0.0)
    return Result(
        p_at_12=round(report["p@12"], 4),
        interval=(round(low, 4), round(high, 4)),
        m_ap=round(report["map"], 4),
        per_source={name: round(v["p@12"], 4) for name, v in report["per_source"].items()},
        **values,
    )


def _changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a preset's values with `table.field` changed."""
    changed = {k: dict(v) if isinstance(v, dict) else v for k, v in values.items()}
    for name, value in changes.items():
        table, _, item = name.partition(".")
        changed.setdefault(table, {})[item] = value
    return changed
