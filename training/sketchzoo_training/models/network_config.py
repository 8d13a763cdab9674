"""What a Siamese network is made of, as a configuration says it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from sketchzoo_training.plugins import check_known
from sketchzoo_training.tables import Table

LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
RESNET = ("resnet18", "resnet34", "resnet50", "resnet101")


class NetworkConfig(Table):
    """The Siamese network.

    `backbone` is an EfficientNet-Lite, a ResNet, or one of one's own, an entry point or
    `package.module:callable` (see `sketchzoo.towers`). `weights` is `imagenet`, `none`, a
    file of the backbone's weights, or an earlier run's (`RUN/best.safetensors`), whose head
    is taken where it fits. `head` is the study's or the modern one; `normalise` puts the
    study head's embeddings on the unit sphere (the modern one's always are). The first
    `frozen` stages of the backbone keep their weights and batch-norm statistics.
    """

    backbone: str
    weights: str = "imagenet"
    head: Literal["study", "modern"] = "study"
    dimension: Annotated[int, Field(ge=2, le=4096)]
    normalise: bool = False
    frozen: Annotated[int, Field(ge=0, le=8)] = 0

    @field_validator("backbone")
    @classmethod
    def _known(cls, name: str) -> str:
        check_known("sketchzoo.backbones", name, (*LITE, *RESNET))
        return name
