"""A run's folder: what was run on what, and everything it measured on the way.

`run.json` records configuration, seeds, data and library versions; `losses.csv` and
`validation.csv` grow a row at a time; `checkpoint.pt` and `best.pt` hold weights;
`tensorboard/` the curves; `result.json` appears when the run is complete.
"""

import csv
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from sketchzoo_training.data import TrainingSet
from sketchzoo_training.recipes.siamese.config import TrainingConfig

LIBRARIES = (
    "accelerate",
    "numpy",
    "pillow",
    "pytorch-metric-learning",
    "timm",
    "torch",
    "torchvision",
)


# Fields of a configuration that decide no weight (`TrainingConfig.digest`).
INDECISIVE = frozenset({"about", "data.cache_bytes", "data.workers", "device.threads"})


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    @property
    def checkpoint(self) -> Path:
        """Where the newest checkpoint lies."""
        return self.path / "checkpoint.pt"

    @property
    def best(self) -> Path:
        """Where the weights of the best validation lie."""
        return self.path / "best.pt"

    @property
    def result(self) -> Path:
        """Where the finished run's figures lie."""
        return self.path / "result.json"

    def record(self, config: TrainingConfig, data: TrainingSet, damaged: int) -> None:
        """Write `run.json`."""
        values = {
            "config": config.model_dump(mode="json"),
            "config_digest": config.digest(),
            "seed": config.seed,
            "data": {
                "fingerprint": data.fingerprint,
                "classes": list(data.classes),
                "images": data.counts(),
                "damaged": damaged,
            },
            **environment(),
        }
        write_json(self.path / "run.json", values)

    def differences(self, config: TrainingConfig, data: TrainingSet) -> list[str]:
        """Return in what the run recorded here differs from this configuration and data."""
        record = self.path / "run.json"
        if not record.exists():
            return []
        before = json.loads(record.read_text())
        old, new = _flat(before["config"]), _flat(config.model_dump(mode="json"))
        told = [
            f"{name} was {old.get(name)}, is {new.get(name)}"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name) and name not in INDECISIVE
        ]
        if before["data"]["fingerprint"] != data.fingerprint:
            told.append(
                f"its data were {before['data']['images']}, are {data.counts()}"
                if before["data"]["images"] != data.counts()
                else "as many images, but of other contents, classes or splits"
            )
        return told


class Rows:
    """A CSV file that grows; reopened at a step, later rows are dropped."""

    def __init__(self, path: Path, columns: tuple[str, ...], *, before: int) -> None:
        """Open `path`, keeping the rows whose first column is below `before`."""
        kept: list[list[str]] = []
        if path.exists():
            with path.open(newline="") as file:
                rows = list(csv.reader(file))[1:]
            # A row cut off by a kill has no end and is dropped with its like.
            kept = [row for row in rows if len(row) == len(columns) and int(row[0]) < before]
        beside = path.with_suffix(".part")
        with beside.open("w", newline="") as file:
            csv.writer(file).writerows([columns, *kept])
        beside.replace(path)
        self._file = path.open("a", newline="")
        self._writer = csv.writer(self._file)

    def add(self, *values: float) -> None:
        """Append a row; floats are written so that they read back the same."""
        self._writer.writerow(values)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested tables as one, by names such as `budget.steps`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = value
    return flat


def environment() -> dict[str, Any]:
    """Return what a run's losses depend on beside its settings: libraries, Python, machine."""
    return {
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def write_json(path: Path, values: Any) -> None:
    """Write JSON under its name only when it is whole."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(values, indent=2) + "\n")
    beside.replace(path)
