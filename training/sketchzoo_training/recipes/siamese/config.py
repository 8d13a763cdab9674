"""The Siamese recipe's configuration: everything that decides a run, as TOML tables."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from sketchzoo_training.models.network_config import NetworkConfig
from sketchzoo_training.plugins import check_known
from sketchzoo_training.recipes.settings import Configuration, checked
from sketchzoo_training.tables import Positive, Rate, Share, Table

LOSSES = (
    "contrastive",
    "triplet",
    "supcon",
    "multi-similarity",
    "proxy-anchor",
    "normalised-softmax",
)


class DataConfig(Table):
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


class LossConfig(Table):
    """What is learnt: a loss, its margin or temperature, and a miner that picks pairs.

    None takes the loss's usual value (contrastive: margin 2.0, as in the study). A loss of
    one's own is named as `package.module:callable` or as an entry point, and takes
    `options`; see `recipes.siamese.losses`.
    """

    name: str
    margin: Rate | None = None
    temperature: Rate | None = None
    miner: Literal["none", "multi-similarity", "batch-hard"] = "none"
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        check_known("sketchzoo.losses", name, LOSSES)
        return name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.options and self.name in LOSSES:
            raise ValueError(f"options go with a loss of one's own, not with {self.name}")
        if self.miner != "none" and self.name not in ("supcon", "multi-similarity"):
            raise ValueError(f"miner goes with supcon and multi-similarity, not with {self.name}")
        return self


class SamplingConfig(Table):
    """How batches are drawn.

    `pairs` and `triplets` take `batch` sketches, each with a photo or two; the study's losses
    need them. `balanced` takes `classes` classes with `sketches` sketches and `photos` photos
    of each, so that every class counts the same, however few images it has. `auto` takes
    what the loss needs, balanced for one's own.
    """

    kind: Literal["auto", "pairs", "triplets", "balanced"] = "auto"
    batch: Positive = 16
    classes: Positive = 16
    sketches: Positive = 2
    photos: Positive = 2


class OptimiserConfig(Table):
    """How weights move: the rates of backbone and head, decay, and the rate's schedule."""

    name: Literal["adam", "adamw"] = "adam"
    learning_rate: Rate = 1e-4
    head_learning_rate: Rate | None = None
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0


class BudgetConfig(Table):
    """How long a run lasts, in steps (batches).

    Every `validate_every` steps P@12 is measured: the `val` sketches ask for the `val`
    photos, filled up with training photos to twelve a class. After `patience`
    measurements without a better one the run stops (None: never).
    """

    steps: Positive
    validate_every: Positive = 200
    checkpoint_every: Positive = 50
    patience: Positive | None = None


class AugmentationConfig(Table):
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


class TrainingConfig(Configuration):
    """A run of the Siamese network; see each table."""

    recipe: Literal["siamese"] = "siamese"
    data: DataConfig = DataConfig()
    network: NetworkConfig
    loss: LossConfig
    sampling: SamplingConfig = SamplingConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    budget: BudgetConfig
    augmentation: AugmentationConfig = AugmentationConfig()

    @property
    def distance(self) -> Literal["cosine", "euclidean"]:
        """How embeddings are compared: as the loss compared them."""
        free = self.network.head == "study" and not self.network.normalise
        return "euclidean" if free and self.loss.name in ("contrastive", "triplet") else "cosine"


def parse_config(values: dict[str, Any], origin: str) -> TrainingConfig:
    """Check a configuration's values.

    Raises:
        ConfigError: a field is missing, unknown or out of its range.

    """
    return checked(TrainingConfig, values, origin)
