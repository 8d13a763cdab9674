"""The towers' settings, each with the value that the shipped model is trained with."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sketchzoo_training.recipes.settings import Configuration
from sketchzoo_training.tables import Part, Positive, Rate, Share, Table

Side = Annotated[int, Field(ge=32, le=512)]
Step = Annotated[int, Field(ge=0)]


class DataConfig(Table):
    """Which drawings a batch holds.

    `zoo_share` of a batch shows the classes that are searched for, the rest the others.
    `rare` lifts rare classes: a sketch is drawn with its class's count to the power of
    `-rare`; doodles `doodle_weight` times as often, sketches of photos (Sketchy's)
    `traced_weight` times. From step `contours_from` on `contour_share` of the sketches are
    contours of photos, from `thick_from` on `thick_share` what a pen two to four times as
    wide leaves of a drawing. `held_out_classes` of the other classes with photos are kept
    out of everything, to measure what the model makes of things that it has never seen.
    """

    zoo_share: Part = 0.65
    rare: float = 0.3
    doodle_weight: float = 1.5
    traced_weight: float = 1.5
    contours_from: Step = 800
    contour_share: Part = 0.12
    thick_from: Step = 600
    thick_share: Part = 0.2
    held_out_classes: Step = 20


class DrawingConfig(Table):
    """How drawings are drawn anew.

    Lines take `keep` of the square before they are varied by `strength`, which shrinks most,
    and `shown` of it in service, where the network has met most of them. Training draws
    with `pens` pixels of width, service with `pen`, on `size` pixels a side.
    """

    size: Side = 224
    pen: Positive = 5
    pens: tuple[int, ...] = (3, 5, 7)
    keep: Rate = 0.92
    shown: Rate = 0.8
    strength: float = 1.0


class NetworkConfig(Table):
    """The sketch network: EfficientNet-Lite0, grey.

    `frozen_blocks` keep their ImageNet weights, beside the stem. It `starts_from` a teacher,
    or else from ImageNet's weights. `general` values point to photos.
    """

    frozen_blocks: Annotated[int, Field(ge=0, le=7)] = 3
    dropout: Part = 0.2
    drop_path: Part = 0.1
    general: Positive = 128
    starts_from: str = ""


class ObjectiveConfig(Table):
    """What is learned: a drawing's class, and where photos of it lie.

    `teachers` are presets that are trained first, in the run's folder; what they say of a
    drawing counts `teaching`, its label the rest, both doubted at `teaching_temperature`. A
    teacher may have teachers itself, which come before it. In the end the network is its
    mean with those that it is `averaged_with`. The pull to photos counts `general_weight`.
    """

    label_smoothing: Part = 0.1
    general_weight: float = 0.5
    teachers: tuple[str, ...] = ()
    teaching: Part = 0.5
    teaching_temperature: Rate = 2.0
    averaged_with: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _taught(self) -> Self:
        if strange := set(self.averaged_with) - set(self.teachers):
            raise ValueError(f"averaged_with names {min(strange)}, which is no teacher")
        return self


class ScheduleConfig(Table):
    """How long and how fast: `steps` batches of `batch` sketches.

    The first `small_steps` are drawn on `small_size` pixels. The learning rates rise for
    `warm_steps`, stay, and fall to nothing in the last `decay_share` of the steps. What is
    measured and shipped is the running average, `averaging` a step. `shuffle` draws other
    batches of the same drawings.
    """

    steps: Positive = 3500
    batch: Positive = 64
    small_size: Side = 160
    small_steps: Step = 1200
    warm_steps: Positive = 150
    decay_share: Part = 0.5
    rate: Rate = 6e-4
    head_rate: Rate = 3e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    averaging: Share = 0.999
    shuffle: int = 0

    def share(self, step: int) -> float:
        """Return the learning rates' share at a step, from 0 to 1."""
        left = (self.steps - step) / (self.decay_share * self.steps or 1)
        return min(1.0, (step + 1) / self.warm_steps, left)


class PhotoConfig(Table):
    """The photo side: a probe on frozen features of photos of `size` pixels.

    It is fitted in `probe_steps` with `probe_weight_decay`, and `discriminant_share` of a
    discriminant with `discriminant_shrinkage` is added to it; without any the covariance
    of few photos has no inverse.
    """

    size: Side = 224
    probe_steps: Positive = 400
    probe_weight_decay: Annotated[float, Field(ge=0)] = 0.3
    discriminant_share: Part = 0.03
    discriminant_shrinkage: Annotated[float, Field(gt=0, le=1)] = 0.7


class BudgetConfig(Table):
    """How often a run is measured on `val` and how often it is kept, in steps."""

    validate_every: Positive = 700
    checkpoint_every: Positive = 100


class TowersConfig(Configuration):
    """A run of the towers; see each table."""

    recipe: Literal["towers"] = "towers"
    data: DataConfig = DataConfig()
    drawing: DrawingConfig = DrawingConfig()
    network: NetworkConfig = NetworkConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    photos: PhotoConfig = PhotoConfig()
    budget: BudgetConfig = BudgetConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        begun = self.network.starts_from
        if begun and begun not in self.objective.teachers:
            raise ValueError(f"network.starts_from names {begun}, which is no teacher")
        if self.schedule.batch % self.device.processes:
            raise ValueError(
                f"schedule.batch must be a multiple of device.processes, {self.device.processes}"
            )
        return self

    def size_at(self, step: int) -> int:
        """Return the side in pixels that a step's drawings have."""
        small = step < self.schedule.small_steps
        return self.schedule.small_size if small else self.drawing.size

    def lineage(self) -> str:
        """Digest what a longer or shorter run of the same would have begun with."""
        return self.digest(without=("schedule.steps", "schedule.decay_share"))
