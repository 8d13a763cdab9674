"""Losses: what makes sketches and photos of a class come near and others go away.

The study's own two, and pytorch-metric-learning's. Each is called with the embeddings of
a batch's sketches `(s, e)` and photos `(p, e)` and their labels, as sampled for it.
"""

from typing import Any, Protocol

import torch
from pytorch_metric_learning import losses, miners
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo_training.errors import ConfigError
from sketchzoo_training.plugins import load_plugin
from sketchzoo_training.recipes.siamese.config import LOSSES, LossConfig

STUDY_MARGIN = 2.0


class RetrievalLoss(Protocol):
    """A loss over a batch of both modalities; a module, as some have weights of their own."""

    def __call__(
        self, sketches: Tensor, photos: Tensor, sketch_labels: Tensor, photo_labels: Tensor
    ) -> Tensor:
        """Return the batch's loss, a scalar."""


class ContrastiveLoss(nn.Module):
    """Pairs of one class are drawn together, others pushed apart up to a margin.

    Hadsell, Chopra and LeCun 2006: the mean of d² for pairs of a class and of
    max(0, margin - d)² for others, d being the euclidean distance.
    """

    def __init__(self, margin: float = STUDY_MARGIN) -> None:
        super().__init__()
        self.margin = margin

    def forward(
        self, sketches: Tensor, photos: Tensor, sketch_labels: Tensor, photo_labels: Tensor
    ) -> Tensor:
        """Take photo i as the partner of sketch i."""
        distance = functional.pairwise_distance(sketches, photos)
        apart = functional.relu(self.margin - distance).square()
        return torch.where(sketch_labels == photo_labels, distance.square(), apart).mean()


class TripletLoss(nn.Module):
    """A sketch is to be nearer to its positive photo than to its negative one by a margin.

    Schroff, Kalenichenko and Philbin 2015, with euclidean distances.
    """

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(
        self, sketches: Tensor, photos: Tensor, sketch_labels: Tensor, photo_labels: Tensor
    ) -> Tensor:
        """Take photo i as sketch i's positive, photo n + i as its negative."""
        del sketch_labels, photo_labels  # the sampler's order says it all
        positive, negative = photos.chunk(2)
        return functional.triplet_margin_loss(sketches, positive, negative, self.margin)


class BatchLoss(nn.Module):
    """A loss of pytorch-metric-learning over all images of a batch, whatever their modality."""

    def __init__(self, loss: nn.Module, miner: nn.Module | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner

    def forward(
        self, sketches: Tensor, photos: Tensor, sketch_labels: Tensor, photo_labels: Tensor
    ) -> Tensor:
        """Compare every image with every other, across modalities and within them."""
        embeddings = torch.cat([sketches, photos])
        labels = torch.cat([sketch_labels, photo_labels])
        mined = self.miner(embeddings, labels) if self.miner else None
        value: Tensor = self.loss(embeddings, labels, mined)
        return value


def make_loss(config: LossConfig, *, classes: int, dimension: int) -> nn.Module:
    """Build the loss that `config` names, for so many classes and embeddings so long."""
    if config.name not in LOSSES:
        return _of_ones_own(config, classes, dimension)
    if config.name == "contrastive":
        return ContrastiveLoss(config.margin or STUDY_MARGIN)
    if config.name == "triplet":
        return TripletLoss(config.margin or 1.0)
    return BatchLoss(_kept(config, classes, dimension), _miner(config))


def _of_ones_own(config: LossConfig, classes: int, dimension: int) -> nn.Module:
    """Call a plug-in with `classes`, `dimension` and the options that a configuration gives it.

    It makes a `RetrievalLoss`, or a loss of pytorch-metric-learning's kind, which takes all
    embeddings and labels.
    """
    make = load_plugin("sketchzoo.losses", config.name)
    try:
        made = make(classes=classes, dimension=dimension, **config.options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"loss {config.name}: {error}") from error
    if isinstance(made, losses.BaseMetricLossFunction):
        return BatchLoss(made)
    if not isinstance(made, nn.Module):
        raise ConfigError(f"loss {config.name} must make a torch module, not {type(made).__name__}")
    return made


def _kept(config: LossConfig, classes: int, dimension: int) -> Any:
    if config.name == "supcon":
        return losses.SupConLoss(temperature=config.temperature or 0.1)
    if config.name == "multi-similarity":
        return losses.MultiSimilarityLoss(alpha=2, beta=50, base=config.margin or 0.5)
    if config.name == "proxy-anchor":
        return losses.ProxyAnchorLoss(classes, dimension, margin=config.margin or 0.1, alpha=32)
    return losses.NormalizedSoftmaxLoss(classes, dimension, temperature=config.temperature or 0.05)


def _miner(config: LossConfig) -> Any:
    if config.miner == "multi-similarity":
        return miners.MultiSimilarityMiner(epsilon=0.1)
    if config.miner == "batch-hard":
        return miners.BatchHardMiner()
    return None
