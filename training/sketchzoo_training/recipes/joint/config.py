"""The joint recipe's settings, each with the value that the shipped model is trained with."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sketchzoo_training.recipes.settings import Configuration
from sketchzoo_training.recipes.towers.config import Side, Step
from sketchzoo_training.tables import Part, Positive, Rate, Share, Table

Weight = Annotated[float, Field(ge=0)]


class DataConfig(Table):
    """What a batch holds.

    `classes` classes that have photos, and of each `each` pairs of a photo and a drawing of it:
    half of them sketches that people drew of that photo, where there are, the others its contour.
    Beside them `loose` sketches of each of these classes that no photo is known for, `others`
    of classes without photos, and `anything` photos of no class, with their contours.
    """

    classes: Positive = 12
    each: Positive = 6
    loose: Step = 2
    others: Step = 24
    anything: Step = 16


class DrawingConfig(Table):
    """How drawings and photos are varied.

    Lines take `keep` of the square before they are varied, `shown` of it in service. Training
    draws with `pens` pixels of width, service with `pen`. A contour is the strongest
    `contour_least` to `contour_most` of a photo's pixels, after it was blurred by one of `blurs`
    pixels; of its squares up to `contour_dropped` are left out.
    """

    size: Side = 224
    small_size: Side = 160
    pen: Positive = 5
    pens: tuple[int, ...] = (3, 5, 7)
    keep: Rate = 0.92
    shown: Rate = 0.8
    strength: float = 0.7
    blurs: tuple[float, ...] = (1.0, 2.0, 3.0)
    contour_least: Share = 0.012
    contour_most: Share = 0.042
    contour_dropped: Part = 0.35


class NetworkConfig(Table):
    """Both towers: EfficientNet-Lite0 with three heads.

    `frozen_blocks` stay as they are, beside the stem; in training they compute with
    `frozen_precision` (CPUs with bfloat16 take less than half the time, others take float32). The
    shape part maps each cell of a `grid` over the last map to `cell` values, and all of them to
    `shape`.
    """

    frozen_blocks: Annotated[int, Field(ge=0, le=7)] = 3
    frozen_precision: Literal["float32", "bfloat16"] = "bfloat16"
    general: Positive = 128
    shape: Positive = 128
    cell: Positive = 64
    grid: Annotated[int, Field(ge=2, le=7)] = 4
    dropout: Part = 0.2
    drop_path: Part = 0.1


class ObjectiveConfig(Table):
    """How much each of the losses counts.

    `taught` is the class part's: what the model that the run began with says of an image counts
    `teaching` of it, its label the rest. `proxies` names classes by the general part, and
    `bridge` draws sketches and photos of one thing together by it, `instance` those of one
    picture. `shape` is InfoNCE on pairs, whose negatives are all other pictures of the batch,
    those of the same class too.
    """

    taught: Weight = 1.0
    teaching: Part = 0.6
    temperature: Rate = 2.0
    label_smoothing: Part = 0.1
    proxies: Weight = 1.0
    contour_proxies: Part = 0.3
    bridge: Weight = 1.0
    instance: Weight = 0.5
    shape: Weight = 1.0


class ScheduleConfig(Table):
    """How long and how fast.

    The first `small_steps` see images of `drawing.small_size`. The learning rates rise for
    `warm_steps` and fall to nothing by half a cosine. A block's rate is `rate` times `decay` for
    each block above it; new heads learn at `head_rate`, the class part at `class_rate`.
    """

    steps: Positive = 1200
    small_steps: Step = 800
    warm_steps: Positive = 60
    rate: Rate = 3e-4
    decay: Rate = 0.8
    head_rate: Rate = 1e-3
    class_rate: Rate = 3e-4
    proxy_rate: Rate = 3e-3
    weight_decay: Weight = 0.05
    averaging: Share = 0.998


class BudgetConfig(Table):
    """How often a run is measured on `val` and how often it is kept, in steps."""

    validate_every: Positive = 400
    checkpoint_every: Positive = 25


class JointConfig(Configuration):
    """A run of the joint recipe; see each table.

    `starts_from` is a model's name or folder, or a preset of the recipe towers or of this one,
    which is run first, in the folder of that name in the run's own. When the model is exported,
    photos are `centred` (`recipes.joint.centring`); a stage that another goes on from need not be.
    `blend` is the share that the weights which the run began with have in the exported ones
    (`recipes.joint.blending`).
    """

    recipe: Literal["joint"] = "joint"
    starts_from: str = "zoo-1-towers"
    centred: bool = True
    blend: Part = 0.0
    data: DataConfig = DataConfig()
    drawing: DrawingConfig = DrawingConfig()
    network: NetworkConfig = NetworkConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    budget: BudgetConfig = BudgetConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.drawing.contour_least > self.drawing.contour_most:
            raise ValueError("drawing.contour_least must not be above drawing.contour_most")
        return self

    def size_at(self, step: int) -> int:
        """Return the side in pixels of a step's images."""
        small = step < self.schedule.small_steps
        return self.drawing.small_size if small else self.drawing.size

    def lineage(self) -> str:
        """Digest what a longer or shorter run of the same would have begun with."""
        return self.digest(without=("schedule.steps",))
