"""Configuration: everything that decides a training run, read from TOML.

A preset is such a file that ships in `recipes/presets`; its name is its path there.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sketchzoo_training.errors import ConfigError

PRESETS = Path(__file__).resolve().parents[1] / "presets"
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]

LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
Backbone = Literal[
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
]
LossName = Literal[
    "contrastive", "triplet", "supcon", "multi-similarity", "proxy-anchor", "normalised-softmax"
]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class DataConfig(_Table):
    """Which images a run sees and how they are held.

    `classes` narrows the data set (empty: all). `photos_per_class` bounds the training
    photos. Without a `splits.csv`, `split_seed` draws the splits by photo. `size` is the
    side of the square input in pixels. `cache_bytes` bounds the decoded images kept in
    memory; `workers` processes prepare batches ahead (0: the training process itself).
    """

    classes: tuple[str, ...] = ()
    photos_per_class: Positive | None = None
    split_seed: int = 0
    size: Annotated[int, Field(ge=16, le=1024)] = 224
    cache_bytes: Annotated[int, Field(ge=0)] = 2 * 1024**3
    workers: Annotated[int, Field(ge=0, le=64)] = 0


class NetworkConfig(_Table):
    """The Siamese network.

    `weights` is `imagenet`, `none` or a file of the backbone's weights. `head` is the
    study's or the modern one; `normalise` puts the study head's embeddings on the unit
    sphere (the modern one's always are). The first `frozen` stages of the backbone keep
    their weights and batch-norm statistics.
    """

    backbone: Backbone
    weights: str = "imagenet"
    head: Literal["study", "modern"] = "study"
    dimension: Literal[2, 16, 32, 128, 512]
    normalise: bool = False
    frozen: Annotated[int, Field(ge=0, le=8)] = 0


class LossConfig(_Table):
    """What is learnt: a loss, its margin or temperature, and a miner that picks pairs.

    None takes the loss's usual value (contrastive: margin 2.0, as in the study).
    """

    name: LossName
    margin: Rate | None = None
    temperature: Rate | None = None
    miner: Literal["none", "multi-similarity", "batch-hard"] = "none"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.miner != "none" and self.name not in ("supcon", "multi-similarity"):
            raise ValueError(f"miner goes with supcon and multi-similarity, not with {self.name}")
        return self


class SamplingConfig(_Table):
    """How batches are drawn.

    The study's losses take `batch` sketches, each with a photo (contrastive) or two
    (triplet). The others take `classes` classes with `sketches` sketches and `photos`
    photos of each, so that every class counts the same, however few images it has.
    """

    batch: Positive = 16
    classes: Positive = 16
    sketches: Positive = 2
    photos: Positive = 2


class OptimiserConfig(_Table):
    """How weights move: the rates of backbone and head, decay, and the rate's schedule."""

    name: Literal["adam", "adamw"] = "adam"
    learning_rate: Rate = 1e-4
    head_learning_rate: Rate | None = None
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0


class BudgetConfig(_Table):
    """How long a run lasts, in steps (batches).

    Every `validate_every` steps P@12 is measured: the `val` sketches ask for the `val`
    photos, filled up with training photos to twelve a class. After `patience`
    measurements without a better one the run stops (None: never).
    """

    steps: Positive
    validate_every: Positive = 200
    checkpoint_every: Positive = 50
    patience: Positive | None = None


class AugmentationConfig(_Table):
    """How training images are varied: the chance, or the extent, of each change."""

    flip: Share = 0.5
    sketch_width: Share = 0.0
    sketch_erase: Share = 0.0
    sketch_rotate_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    sketch_scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    sketch_shift: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    photo_crop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    photo_colour: Share = 0.0
    photo_edges: Share = 0.0


class DeviceConfig(_Table):
    """Where a run computes: `auto` takes GPUs where there are; `precision` is AMP's."""

    device: Literal["auto", "cpu"] = "auto"
    precision: Literal["no", "fp16", "bf16"] = "no"
    threads: Positive | None = None


class TrainingConfig(_Table):
    """A run of the Siamese network; see each table."""

    recipe: Literal["siamese"] = "siamese"
    about: str = ""
    seed: int = 0
    data: DataConfig = DataConfig()
    network: NetworkConfig
    loss: LossConfig
    sampling: SamplingConfig = SamplingConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    budget: BudgetConfig
    augmentation: AugmentationConfig = AugmentationConfig()
    device: DeviceConfig = DeviceConfig()

    @property
    def distance(self) -> Literal["cosine", "euclidean"]:
        """How embeddings are compared: as the loss compared them."""
        free = self.network.head == "study" and not self.network.normalise
        return "euclidean" if free and self.loss.name in ("contrastive", "triplet") else "cosine"

    def digest(self) -> str:
        """Return a hash of all that decides the weights: 16 hexadecimal digits."""
        decisive = self.model_dump_json(
            exclude={"about": True, "data": {"cache_bytes", "workers"}, "device": {"threads"}}
        )
        return hashlib.sha256(decisive.encode()).hexdigest()[:16]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: it is missing or not TOML.

    """
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
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


def parse_config(values: dict[str, Any], origin: str) -> TrainingConfig:
    """Check a configuration's values.

    Raises:
        ConfigError: a field is missing, unknown or out of its range.

    """
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise ConfigError(f"{origin}: {problems}") from error


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
