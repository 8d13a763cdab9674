"""A run's folder: what was run on what, and everything it measured on the way.

`run.json` records settings, seeds, data and library versions; `losses.csv` and
`validation.csv` grow a row at a time; `checkpoint.pt` is what the run goes on from,
`best.safetensors` has the weights of the best validation, `last.safetensors` those at the
end; `tensorboard/` the curves; `result.json` appears when the run is complete.
"""

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from sketchzoo.files import write_atomically
from sketchzoo_training.engine.recipe import RunRecord
from sketchzoo_training.errors import ConfigError

LIBRARIES = (
    "accelerate",
    "numpy",
    "pillow",
    "pytorch-metric-learning",
    "timm",
    "torch",
    "torchvision",
)


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.checkpoint = path / "checkpoint.pt"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.result = path / "result.json"
        self._record = path / "run.json"

    def record(self, record: RunRecord, steps: int) -> None:
        """Write `run.json`; what an earlier, shorter run of this folder was, stays told."""
        before = self._before()
        lengths: list[int] = before.get("extended_from", [])
        if before and before["steps"] != steps and self.result.exists():
            lengths = [*lengths, before["steps"]]
        values = {
            "recipe": record.recipe,
            "digest": record.digest,
            "seed": record.seed,
            "steps": steps,
            **({"extended_from": lengths} if lengths else {}),
            "settings": record.settings,
            "data": record.data,
            "libraries": {name: metadata.version(name) for name in LIBRARIES},
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        write_json(self._record, values)

    def identity(self, lineage: str) -> str:
        """Return what weights of this lineage and of the recorded data say made them.

        Raises:
            ConfigError: no run is recorded here.

        """
        before = self._before()
        if not before:
            raise ConfigError(f"{self.path} holds no run: run.json is missing")
        return f"{lineage}-{before['data']['fingerprint']}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the recorded run learned."""
        return tuple(self._before()["data"]["classes"])

    def differences(self, record: RunRecord) -> list[str]:
        """Return in what the run recorded here differs from this one."""
        before = self._before()
        if not before:
            return []
        if before.get("recipe") != record.recipe:
            return [f"its recipe was {before.get('recipe')}, is {record.recipe}"]
        old, new = _flat(before["settings"]), _flat(json.loads(json.dumps(record.settings)))
        told = [
            f"{name} was {old.get(name)}, is {new.get(name)}"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]
        if before["data"]["fingerprint"] != record.data["fingerprint"]:
            old, new = _flat(before["data"]), _flat(json.loads(json.dumps(record.data)))
            counts = [
                f"{name} was {old.get(name)}, is {new.get(name)}"
                for name in sorted(old.keys() | new.keys())
                if old.get(name) != new.get(name) and name != "fingerprint"
            ]
            told += counts or ["its data had other contents, classes or splits"]
        return told

    def _before(self) -> dict[str, Any]:
        if not self._record.exists():
            return {}
        values: dict[str, Any] = json.loads(self._record.read_text())
        return values


def write_json(path: Path, values: Any) -> None:
    """Write JSON under its name only when it is whole."""
    write_atomically(path, json.dumps(values, indent=2) + "\n")


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested tables as one, by names such as `budget.steps`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[before + name] = value
    return flat
