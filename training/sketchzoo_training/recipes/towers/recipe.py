"""The recipe's settings, each with the value that the shipped model was trained with."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from sketchzoo_training.errors import ConfigError

_SCHEDULE = ("steps", "small_steps", "decay_share", "shown", "kept_steps", "averaged_with")
_REPORTS = ("checkpoint_every", "evaluate_every")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the towers are trained.

    `steps` batches of `batch` sketches, of which the first `small_steps` at `small_size`
    pixels a side, the others at `size`. The learning rates rise for `warm_steps`, stay, and
    fall to nothing in the last `decay_share` of the steps: until then a run may be given
    fewer or more steps. The network is the mean of its running averages (`averaging` a
    step) at `kept_steps` and at the end. `frozen_blocks` of the sketch backbone keep their
    ImageNet weights, beside the stem. `zoo_share` of a batch shows the classes that are
    searched for, the rest the others. `rare` lifts rare classes: a sketch is drawn with
    its class's count to the power of `-rare`; doodles
    `doodle_weight` times as often, sketches of photos (Sketchy's) `traced_weight` times.
    Drawings take `keep` of the square before they are augmented, which shrinks most, and
    `shown` of it in service, where the network has met most of them. From step
    `contours_from` on `contour_share` of the sketches are contours of photos, from
    `thick_from` on `thick_share` what a pen two to four times as wide leaves of a drawing.
    `teachers` are presets that are trained first, in the run's folder; what they say of a
    drawing counts `teaching`, its label the rest, both doubted at `teaching_temperature`. A
    teacher may have teachers itself, which come before it. The network `starts_from` one of
    them, or else from ImageNet's weights; in the end it is its mean with those that are
    `averaged_with` it. `shuffle` draws other batches of the same drawings.
    The photo side's probe is fitted in `probe_steps` with `probe_weight_decay`, and
    `discriminant_share` of a discriminant with `discriminant_shrinkage` added to it.
    `held_out_classes` of the other classes with photos are kept out of everything, to
    measure what the model makes of things that it has never seen. `workers` processes of
    `threads` threads share each batch.
    """

    seed: int = 0
    steps: int = 2600
    batch: int = 64
    size: int = 224
    small_size: int = 160
    small_steps: int = 1000
    warm_steps: int = 150
    decay_share: float = 0.5
    pen: int = 5
    pens: tuple[int, ...] = (3, 5, 7)
    keep: float = 0.92
    shown: float = 0.8
    frozen_blocks: int = 3
    rate: float = 6e-4
    head_rate: float = 3e-3
    weight_decay: float = 0.05
    dropout: float = 0.2
    drop_path: float = 0.1
    label_smoothing: float = 0.1
    averaging: float = 0.998
    kept_steps: tuple[int, ...] = (2000, 2300, 2600)
    zoo_share: float = 0.65
    rare: float = 0.3
    doodle_weight: float = 1.5
    traced_weight: float = 1.5
    strength: float = 1.0
    contours_from: int = 800
    contour_share: float = 0.12
    thick_from: int = 600
    thick_share: float = 0.2
    teachers: tuple[str, ...] = ()
    averaged_with: tuple[str, ...] = ()
    starts_from: str = ""
    shuffle: int = 0
    teaching: float = 0.5
    teaching_temperature: float = 2.0
    general: int = 128
    general_weight: float = 0.5
    photo_size: int = 224
    probe_weight_decay: float = 0.3
    probe_steps: int = 400
    discriminant_share: float = 0.03
    discriminant_shrinkage: float = 0.7
    held_out_classes: int = 20
    checkpoint_every: int = 100
    evaluate_every: int = 700
    workers: int = 2
    threads: int = 1

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch",
            "general",
            "checkpoint_every",
            "evaluate_every",
            "workers",
            "threads",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("size", "small_size", "photo_size"):
            if not 32 <= getattr(self, name) <= 512:  # noqa: PLR2004 - stated in the message
                raise ConfigError(f"{name} must be 32 to 512 pixels, not {getattr(self, name)}")
        for name in (
            "decay_share",
            "zoo_share",
            "contour_share",
            "dropout",
            "drop_path",
            "label_smoothing",
            "teaching",
            "discriminant_share",
        ):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} must be 0 or more and below 1, not {getattr(self, name)}"
                )
        # Photos are fewer than features: without any, the covariance has no inverse.
        if not 0 < self.discriminant_shrinkage <= 1:
            raise ConfigError(
                "discriminant_shrinkage must be above 0 and at most 1,"
                f" not {self.discriminant_shrinkage}"
            )
        self._check_teachers()
        if self.batch % self.workers:
            raise ConfigError(f"batch must be a multiple of workers, {self.workers}")
        if not 0 <= self.frozen_blocks <= 7:  # noqa: PLR2004 - stated in the message
            raise ConfigError(f"frozen_blocks must be 0 to 7, not {self.frozen_blocks}")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Build a recipe from a configuration; what it leaves out has its default.

        Raises:
            ConfigError: an unknown key or a value out of range.

        """
        values = {k: v for k, v in values.items() if k not in ("about", "recipe")}
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"{unknown[0]} is no setting; known are {', '.join(sorted(known))}")
        settings: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**settings)

    def _check_teachers(self) -> None:
        if self.teaching_temperature <= 0:
            raise ConfigError(
                f"teaching_temperature must be above 0, not {self.teaching_temperature}"
            )
        if strange := set(self.averaged_with) - set(self.teachers):
            raise ConfigError(f"averaged_with names {min(strange)}, which is no teacher")
        if self.starts_from and self.starts_from not in self.teachers:
            raise ConfigError(f"starts_from names {self.starts_from}, which is no teacher")

    def rate_share(self, step: int) -> float:
        """Return the learning rates' share at a step, from 0 to 1."""
        left = (self.steps - step) / (self.decay_share * self.steps or 1)
        return min(1.0, (step + 1) / self.warm_steps, left)

    def digest(self) -> str:
        """Name this recipe in 16 hexadecimal digits: a run is resumed by its own only."""
        settings = asdict(self)
        # These change nothing of what was trained before the rates fall.
        for name in (*_SCHEDULE, *_REPORTS):
            del settings[name]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
