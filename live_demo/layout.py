"""Layout: embeddings laid out on a plane by UMAP, so that neighbours stay neighbours.

McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection" (2018).
"""

import numpy as np
import numpy.typing as npt
from umap import UMAP

Floats = npt.NDArray[np.float32]

# Dots that can be told apart.
_SMALLEST_DISTANCE = 0.8
# This share of the photos at each edge is drawn onto the border, so that one outlier
# does not shrink the rest.
_TRIM = 0.002
# A layout is judged by so many photos, and by so many neighbours of each.
_JUDGED = 2000
_JUDGED_NEIGHBOURS = 10


def principal_axes(embeddings: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the mean (d) of embeddings (n, d) and their first principal axes (count, d)."""
    mean = embeddings.mean(axis=0)
    spread = (embeddings - mean).astype(np.float64)
    _, vectors = np.linalg.eigh(spread.T @ spread)
    return mean, vectors[:, ::-1][:, :count].T.astype(np.float32)


def reduce(embeddings: Floats, mean: Floats, axes: Floats) -> Floats:
    """Return embeddings (n, d) in axes (r, d), of length 1 each: (n, r)."""
    reduced = (embeddings - mean) @ axes.T
    lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
    return np.asarray(reduced / np.maximum(lengths, 1e-12), dtype=np.float32)


def lay_out(reduced: Floats, neighbours: int, epochs: int, seed: int) -> Floats:
    """Return a place in 0..1 for each of the photos (n, r), the same for a seed: (n, 2)."""
    photos = len(reduced)
    # Begun at the principal axes, what is far apart stays so. No two begin at one place.
    plane = np.random.default_rng(seed).normal(0, 1e-4, (photos, 2))
    plane[:, : reduced.shape[1]] += reduced[:, :2]
    if photos > 2:  # noqa: PLR2004 - two have no layout but their own
        plane = UMAP(
            n_neighbors=min(neighbours, photos - 1),
            min_dist=_SMALLEST_DISTANCE,
            n_epochs=epochs,
            metric="cosine",
            init=plane,
            random_state=seed,
            n_jobs=1,  # with more, a seed does not decide
        ).fit_transform(reduced)
    low, high = np.quantile(plane, [_TRIM, 1 - _TRIM], axis=0)
    placed = (plane - low) / np.maximum(high - low, 1e-9)
    return np.asarray(np.clip(placed, 0, 1), dtype=np.float32)


def judge(reduced: Floats, plane: Floats) -> float:
    """Return the trustworthiness (Venna and Kaski, 2001) of a layout, 0..1.

    It is less than 1 where photos that are not alike lie beside each other.
    """
    from sklearn.manifold import trustworthiness  # noqa: PLC0415 - where it lacks, UMAP does first

    count = min(_JUDGED_NEIGHBOURS, (len(plane) - 1) // 2)
    if count < 1:
        return 1.0
    photos = slice(_JUDGED)
    return float(
        trustworthiness(reduced[photos], plane[photos], n_neighbors=count, metric="cosine")
    )
