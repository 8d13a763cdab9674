"""Retrieval by a network in training: embeddings in torch, rankings, metrics."""

from collections import Counter
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from sketchzoo_training.evaluate.embedding import rank
from sketchzoo_training.evaluate.evaluation import Evaluation, LeftOut, evaluate_rankings
from sketchzoo_training.models.siamese import SiameseNetwork
from sketchzoo_training.recipes.siamese.batches import ImageStore

Vectors = npt.NDArray[np.float32]


@torch.inference_mode()
def embed_store(
    network: SiameseNetwork, store: ImageStore, device: torch.device, *, batch: int = 64
) -> Vectors:
    """Embed all images of a store as they are: float32 `(images, e)`."""
    network.eval()
    parts = []
    for start in range(0, len(store.files), batch):
        images = [store.tensor(i) for i in range(start, min(start + batch, len(store.files)))]
        tensor = torch.from_numpy(np.stack(images)).to(device)
        parts.append(network.embed(tensor).float().cpu().numpy())
    return np.concatenate(parts)


def rank_by(
    queries: Vectors, gallery: Vectors, distance: Literal["cosine", "euclidean"]
) -> npt.NDArray[np.int32]:
    """Rank the gallery for each query, nearest first."""
    if distance == "cosine":
        return rank(_unit(queries), _unit(gallery))
    # |q - g|² ranks as |g|² - 2 q·g: a dot product once each side has one more value.
    ones = np.ones((len(queries), 1), np.float32)
    squares = (gallery**2).sum(1, keepdims=True) / 2
    return rank(np.hstack([queries, -ones]), np.hstack([gallery, squares]))


def retrieve(
    network: SiameseNetwork,
    photos: ImageStore,
    sketches: ImageStore,
    distance: Literal["cosine", "euclidean"],
    device: torch.device,
) -> tuple[Evaluation, Vectors, Vectors]:
    """Search each sketch among the photos; returns figures and both sides' embeddings."""
    of_photos = embed_store(network, photos, device)
    of_sketches = embed_store(network, sketches, device)
    rankings = rank_by(of_sketches, of_photos, distance)
    nothing = LeftOut(Counter(), Counter())
    return (
        evaluate_rankings(photos.files, sketches.files, rankings, nothing),
        of_photos,
        of_sketches,
    )


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(norms, 1e-12)
    return unit
