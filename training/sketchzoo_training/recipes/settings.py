"""Presets and settings: TOML files that ship, or one's own, and what they may say.

A preset is such a file in `recipes/presets`; its name is its path there.
"""

import hashlib
import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from sketchzoo_training.engine.options import Options
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.tables import Positive, Table

PRESETS = Path(__file__).resolve().parent / "presets"


class DeviceConfig(Table):
    """Where and how a run computes, see `engine.options`; `precision` alone decides weights."""

    device: Literal["auto", "cpu"] = "auto"
    precision: Literal["auto", "no", "fp16", "bf16"] = "no"
    processes: Positive = 1
    threads: Positive | None = None
    read_every: Positive = 10

    @property
    def started(self) -> int:
        """How many processes the command itself is to be: one where there are GPUs."""
        import torch  # noqa: PLC0415 - only where something is trained

        return 1 if self.device == "auto" and torch.cuda.is_available() else self.processes

    def options(self, validate_every: int, checkpoint_every: int, patience: int | None) -> Options:
        """Return how the engine carries a run out."""
        return Options(
            device=self.device,
            precision=self.precision,
            processes=self.processes,
            threads=self.threads,
            read_every=self.read_every,
            validate_every=validate_every,
            checkpoint_every=checkpoint_every,
            patience=patience,
        )


class Configuration(Table):
    """All settings of a run; a recipe's own has further tables."""

    about: str = ""
    seed: int = 0
    device: DeviceConfig = DeviceConfig()

    def digest(self, *, without: Collection[str] = ()) -> str:
        """Return a hash of all that decides a weight, 16 hexadecimal digits.

        Processes, threads, loaders and what is only looked at have no part in it; nor have
        fields that `without` names, for instance `budget` or `budget.steps`.
        """
        left = self.model_dump(mode="json")
        for name in (*INDECISIVE, *without):
            *tables, field = name.split(".")
            values: Any = left
            for table in tables:
                values = values.get(table, {})
            values.pop(field, None)
        return hashlib.sha256(_canonical(left).encode()).hexdigest()[:16]


INDECISIVE = (
    "about",
    "centred",
    "blend",
    "data.cache_bytes",
    "data.workers",
    "device.device",
    "device.processes",
    "device.threads",
    "device.read_every",
    "budget.validate_every",
    "budget.checkpoint_every",
)
"""Fields that decide nothing of what is learned: where a run computes, how often it is looked at,
what is done with what it learned."""

C = TypeVar("C", bound=Configuration)


def checked(kind: type[C], values: Mapping[str, Any], origin: str) -> C:
    """Check a configuration's values.

    Raises:
        ConfigError: a field is missing, unknown or out of its range.

    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise ConfigError(f"{origin}: {problems}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: it is missing or not TOML.

    """
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def apply_change(values: dict[str, Any], change: str) -> None:
    """Apply one `TABLE.FIELD=VALUE` to a configuration's values; VALUE is TOML, else a string.

    Raises:
        ConfigError: it is no such change, or what it calls a table is none.

    """
    name, sign, text = change.partition("=")
    if not sign or not name:
        raise ConfigError(f"--set takes TABLE.FIELD=VALUE, not {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, field = name.split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {name}: {table} is no table")
    values[field] = value


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that ship."""
    return tuple(
        sorted(
            path.relative_to(PRESETS).with_suffix("").as_posix() for path in PRESETS.rglob("*.toml")
        )
    )


def read_preset(name: str) -> dict[str, Any]:
    """Read a preset's values by its name.

    Raises:
        ConfigError: there is no such preset; those with a like name are told.

    """
    if name not in preset_names():
        from difflib import get_close_matches  # noqa: PLC0415 - only for the message

        like = get_close_matches(name, preset_names(), n=3, cutoff=0.3) or preset_names()
        raise ConfigError(f"there is no preset {name!r}; like it: {', '.join(like)}")
    return read_toml(PRESETS / f"{name}.toml")


def _canonical(values: Any) -> str:
    return json.dumps(values, sort_keys=True)
