"""Layout: embeddings laid out on a plane so that neighbours stay neighbours.

After McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection"
(2018): a weighted graph of nearest neighbours, whose edges pull their ends together
while random pairs push each other away. Neighbours are found exactly, which up to some
ten thousand photos is a matter of seconds.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# The curve 1 / (1 + A d^(2B)) fitted, as UMAP does, to a smallest distance of 0.5: dots
# that can be told apart.
_A, _B = 0.58, 1.335
_NEGATIVES = 5
_CLIP = 4.0
# So many photos move at once; with more, one would be pushed by many before it can answer.
_AT_ONCE = 600
_START_SPREAD = 10.0
_BLOCK = 1024
# This share of the photos at each edge is drawn onto the border, so that one outlier
# does not shrink the rest.
_TRIM = 0.002


@dataclass(frozen=True, slots=True)
class Axes:
    """The embeddings' mean (d) and first principal axes (r, d)."""

    mean: Floats
    axes: Floats

    @classmethod
    def of(cls, embeddings: Floats, count: int) -> "Axes":
        """Find the first `count` axes of embeddings (n, d), or as many as there are."""
        mean = embeddings.mean(axis=0)
        spread = (embeddings - mean).astype(np.float64)
        _, vectors = np.linalg.eigh(spread.T @ spread)
        axes = vectors[:, ::-1][:, :count].T
        # An axis has two directions: the one whose largest part is positive is taken.
        largest = np.abs(axes).argmax(axis=1)
        signs = np.sign(axes[np.arange(len(axes)), largest])
        return cls(mean.astype(np.float32), (axes * signs[:, None]).astype(np.float32))

    def reduce(self, embeddings: Floats) -> Floats:
        """Return embeddings (n, d) in these axes, of length 1 each: (n, r)."""
        reduced = (embeddings - self.mean) @ self.axes.T
        lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
        return np.asarray(reduced / np.maximum(lengths, 1e-12), dtype=np.float32)


def neighbours(reduced: Floats, count: int) -> tuple[Ints, Floats]:
    """Return each photo's nearest others (n, count), nearest first, and their distances.

    The distance is 1 - cosine.
    """
    found = np.empty((len(reduced), count), dtype=np.int64)
    away = np.empty((len(reduced), count), dtype=np.float32)
    for start in range(0, len(reduced), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(reduced)))
        distance = 1 - reduced[rows] @ reduced.T
        distance[np.arange(len(distance)), np.arange(rows.start, rows.stop)] = np.inf
        near = np.argpartition(distance, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(distance, near, axis=1), axis=1, kind="stable")
        found[rows] = np.take_along_axis(near, order, axis=1)
        away[rows] = np.take_along_axis(distance, found[rows], axis=1)
    return found, away


def edges(near: Ints, away: Floats) -> tuple[Ints, Ints, Floats]:
    """Return the graph's edges: ends and weights in 0..1, each pair once."""
    photos, count = near.shape
    beyond = np.maximum(away - away[:, :1], 0)
    low, high = np.full(photos, 1e-6), np.full(photos, 10.0)
    for _ in range(40):
        scale = (low + high) / 2
        total = np.exp(-beyond / scale[:, None]).sum(axis=1)
        low, high = (
            np.where(total < np.log2(count), scale, low),
            np.where(total < np.log2(count), high, scale),
        )
    weight = np.exp(-beyond / ((low + high) / 2)[:, None]).ravel()
    start, end = np.repeat(np.arange(photos), count), near.ravel()
    keys = np.minimum(start, end) * photos + np.maximum(start, end)
    pairs, which = np.unique(keys, return_inverse=True)
    # Seen from either end; where both see it: a + b - ab.
    lack = np.ones(len(pairs))
    np.multiply.at(lack, which, 1 - weight)
    return pairs // photos, pairs % photos, (1 - lack).astype(np.float32)


def lay_out(reduced: Floats, count: int, epochs: int, seed: int) -> Floats:
    """Return a place in 0..1 for each of the photos (n, r): (n, 2)."""
    rng = np.random.default_rng(seed)
    photos = len(reduced)
    plane = np.zeros((photos, 2))
    plane[:, : min(2, reduced.shape[1])] = reduced[:, :2]
    plane *= _START_SPREAD / max(float(np.abs(plane).max()), 1e-9)
    plane += rng.normal(0, 1e-3, plane.shape)
    if photos > 2:  # noqa: PLR2004 - two have no layout but their own
        start, end, weight = edges(*neighbours(reduced, min(count, photos - 1)))
        batches = max(4, photos // _AT_ONCE)
        for epoch in range(epochs):
            rate = 1 - epoch / epochs
            drawn = rng.permutation(np.flatnonzero(rng.random(len(weight)) < weight))
            for batch in np.array_split(drawn, batches):
                _pull(plane, start[batch], end[batch], rate)
                ends = np.tile(np.concatenate([start[batch], end[batch]]), _NEGATIVES)
                _push(plane, ends, rng.integers(photos, size=len(ends)), rate)
    low, high = np.quantile(plane, [_TRIM, 1 - _TRIM], axis=0)
    placed = (plane - low) / np.maximum(high - low, 1e-9)
    return np.asarray(np.clip(placed, 0, 1), dtype=np.float32)


def kept(reduced: Floats, plane: Floats, count: int = 10) -> float:
    """Return how well the plane keeps neighbours, 0..1.

    It is the share of each photo's nearest `count` that are among the nearest
    5 x `count` on the plane.
    """
    count = min(count, (len(plane) - 1) // 5)
    if count < 1:
        return 1.0
    near, _ = neighbours(reduced, count)
    shares = []
    for start in range(0, len(plane), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(plane)))
        distance = ((plane[rows, None] - plane[None]) ** 2).sum(axis=2)
        close = np.argpartition(distance, 5 * count, axis=1)[:, : 5 * count + 1]
        shares += [np.isin(own, there).mean() for own, there in zip(near[rows], close, strict=True)]
    return float(np.mean(shares))


def _pull(plane: npt.NDArray[np.float64], start: Ints, end: Ints, rate: float) -> None:
    apart = plane[start] - plane[end]
    square = (apart**2).sum(axis=1)
    powered = np.power(np.maximum(square, 1e-12), _B - 1)
    force = -2 * _A * _B * powered / (1 + _A * powered * square)
    step = np.clip(force[:, None] * apart, -_CLIP, _CLIP) * rate
    _move(plane, start, step)
    _move(plane, end, -step)


def _push(plane: npt.NDArray[np.float64], moved: Ints, other: Ints, rate: float) -> None:
    apart = plane[moved] - plane[other]
    square = (apart**2).sum(axis=1)
    force = 2 * _B / ((0.001 + square) * (1 + _A * np.power(square, _B)))
    force[moved == other] = 0
    _move(plane, moved, np.clip(force[:, None] * apart, -_CLIP, _CLIP) * rate)


def _move(plane: npt.NDArray[np.float64], which: Ints, steps: npt.NDArray[np.float64]) -> None:
    for axis in (0, 1):
        plane[:, axis] += np.bincount(which, steps[:, axis], minlength=len(plane))
