"""Heads: what makes an embedding of norm 1 of a backbone's features or feature maps, in torch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo.parts import CLASS, GENERAL, SHAPE, Layout, Part


class NormaliseHead(nn.Module):
    """The backbone's features themselves, of norm 1."""

    def forward(self, features: Tensor) -> Tensor:
        """Map features `(n, f)` to embeddings `(n, f)`."""
        return functional.normalize(features, dim=1)


class StudyHead(nn.Module):
    """The original study's head: Linear 256, ReLU, Linear 128, ReLU, Linear E."""

    def __init__(self, length: int, dimension: int, *, normalise: bool) -> None:
        """Build a head from features of `length` to embeddings of `dimension`."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(length, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, dimension),
        )
        self.normalise = normalise

    def forward(self, features: Tensor) -> Tensor:
        """Map features `(n, f)` to embeddings `(n, dimension)`."""
        embedding: Tensor = self.layers(features)
        return functional.normalize(embedding, dim=1) if self.normalise else embedding


class LinearHead(nn.Module):
    """Batch-norm, a linear map, norm 1 (docs/study.md compares it with each of the two alone)."""

    def __init__(self, length: int, dimension: int) -> None:
        """Build a head from features of `length` to embeddings of `dimension`."""
        super().__init__()
        self.norm = nn.BatchNorm1d(length)
        self.linear = nn.Linear(length, dimension, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map features `(n, f)` to embeddings `(n, dimension)`."""
        return functional.normalize(self.linear(self.norm(features)), dim=1)


class PosteriorHead(nn.Module):
    """A class posterior and a general part side by side, of norm 1 together.

    Of `classes` the first `shared` are those that both modalities know; the rest count
    as one more, "something else". The first `shared + 1` values of an embedding are the
    square roots of that posterior, times `sqrt(weight)`: two of them multiply to the
    Bhattacharyya coefficient, so photos rank by how well their posterior agrees with the
    query's. The `general` others are a unit vector times `sqrt(1 - weight)`: likeness
    that no class names, which keeps unknown things apart.
    """

    def __init__(
        self,
        length: int,
        classes: int,
        shared: int,
        general: int,
        *,
        temperature: float,
        weight: float,
    ) -> None:
        """Build a head from features of `length` to `shared + 1 + general` values."""
        super().__init__()
        if not 0 < shared <= classes:
            raise ValueError(f"shared must be 1 to {classes} classes, not {shared}")
        if temperature <= 0 or not 0 <= weight <= 1:
            raise ValueError("temperature must be above 0 and weight 0 to 1")
        self.classifier = nn.Linear(length, classes)
        self.general = nn.Linear(length, general)
        self.shared = shared
        self.temperature = temperature
        self.weight = weight

    def forward(self, features: Tensor) -> Tensor:
        """Map features `(n, f)` to embeddings `(n, shared + 1 + general)`."""
        posterior = functional.softmax(self.classifier(features) / self.temperature, dim=1)
        general = functional.normalize(self.general(features), dim=1)
        parts = [
            roots(posterior, self.shared) * self.weight**0.5,
            general * (1 - self.weight) ** 0.5,
        ]
        return torch.cat(parts, dim=1)

    def layout(self) -> Layout:
        """Say what lies where in an embedding."""
        return Layout(
            (
                Part(CLASS, self.shared + 1, self.weight),
                Part(GENERAL, self.general.out_features, 1 - self.weight),
            )
        )


class PartsHead(nn.Module):
    """A class posterior, a general part and a shape part side by side, of norm 1 together.

    The class part is `PosteriorHead`'s, and so is the general one. The shape part is what the
    last feature maps hold where: they are pooled to `grid` x `grid` cells of `cell` values, which
    are mapped to `shape` in all. `weights` are the three parts' shares of a photo's squared norm.
    A tower that doubts its class says so: with `doubt` above 0 the class part is multiplied by
    the likeliest class's posterior to that power before the whole is scaled to norm 1, so that
    what no class names asks, and is found, by the other two.
    """

    takes_maps = True

    def __init__(
        self,
        length: int,
        classes: int,
        shared: int,
        general: int,
        shape: int,
        *,
        cell: int,
        grid: int,
        temperature: float,
        weights: Sequence[float],
        doubt: float = 0.0,
    ) -> None:
        """Build a head from maps of `length` channels to `shared + 1 + general + shape` values."""
        super().__init__()
        if not 0 < shared <= classes:
            raise ValueError(f"shared must be 1 to {classes} classes, not {shared}")
        if temperature <= 0 or doubt < 0:
            raise ValueError("temperature must be above 0 and doubt at least 0")
        if len(weights) != 3 or min(weights) <= 0:  # noqa: PLR2004 - one a part
            raise ValueError("weights must be three, each above 0")
        self.classifier = nn.Linear(length, classes)
        self.general = nn.Linear(length, general)
        self.cell = nn.Linear(length, cell)
        self.shape = nn.Linear(cell * grid**2, shape)
        self.shared = shared
        self.grid = grid
        self.temperature = temperature
        self.weights = tuple(weight / sum(weights) for weight in weights)
        self.doubt = doubt

    def forward(self, maps: Tensor) -> Tensor:
        """Map feature maps `(n, length, h, w)` to embeddings, whose parts `layout` tells."""
        features = maps.mean((2, 3))
        cells = functional.gelu(self.cell(pooled(maps, self.grid)))
        return self.joined(
            self.classifier(features), self.general(features), self.shape(cells.flatten(1))
        )

    def joined(self, logits: Tensor, general: Tensor, shape: Tensor) -> Tensor:
        """Join what the three linear maps say to embeddings."""
        posterior = functional.softmax(logits / self.temperature, dim=1)
        named = roots(posterior, self.shared)
        if self.doubt:
            named = named * posterior.amax(1, keepdim=True) ** self.doubt
        parts = named, functional.normalize(general, dim=1), functional.normalize(shape, dim=1)
        scaled = [part * weight**0.5 for part, weight in zip(parts, self.weights, strict=True)]
        return functional.normalize(torch.cat(scaled, dim=1), dim=1)

    def layout(self) -> Layout:
        """Say what lies where in an embedding; whoever calibrated it adds the focuses."""
        named, general, shape = self.weights
        return Layout(
            (
                Part(CLASS, self.shared + 1, named),
                Part(GENERAL, self.general.out_features, general),
                Part(SHAPE, self.shape.out_features, shape),
            )
        )


def roots(posterior: Tensor, shared: int) -> Tensor:
    """Return the square roots of a posterior `(n, classes)`, of norm 1: `(n, shared + 1)`.

    The last one is that of all classes from `shared` on, "something else".
    """
    known, others = posterior[:, :shared], posterior[:, shared:]
    # A hair above zero: neither gradients nor exporters like sqrt(0).
    values = (torch.cat([known, others.sum(1, keepdim=True)], dim=1) + 1e-9).sqrt()
    return functional.normalize(values, dim=1)


def pooled(maps: Tensor, grid: int) -> Tensor:
    """Return the means of `grid` x `grid` equal cells of maps: `(n, grid * grid, channels)`.

    What lies across a border counts for both cells by its share in each: unlike adaptive pooling
    this is one matrix, which every exporter knows, for maps of any size.
    """
    rows, columns = (_pooling(side, grid).to(maps) for side in maps.shape[2:])
    return (rows @ maps @ columns.T).flatten(2).transpose(1, 2)


def _pooling(side: int, grid: int) -> Tensor:
    edges = torch.linspace(0, side, grid + 1)
    cells = torch.arange(side, dtype=torch.float32)
    overlap = torch.minimum(edges[1:, None], cells + 1) - torch.maximum(edges[:-1, None], cells)
    return overlap.clamp(min=0) / (side / grid)
