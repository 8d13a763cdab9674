"""Retrieval by a network in training: embeddings in torch, rankings, metrics."""

import numpy as np
import torch

from sketchzoo_training.evaluate.evaluation import Evaluation, evaluate_rankings
from sketchzoo_training.evaluate.ranking import Distance, Vectors, rank
from sketchzoo_training.models.siamese import SiameseNetwork
from sketchzoo_training.recipes.siamese.batches import ImageStore


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


def retrieve(
    network: SiameseNetwork,
    photos: ImageStore,
    sketches: ImageStore,
    distance: Distance,
    device: torch.device,
) -> tuple[Evaluation, Vectors, Vectors]:
    """Search each sketch among the photos; returns figures and both sides' embeddings."""
    of_photos = embed_store(network, photos, device)
    of_sketches = embed_store(network, sketches, device)
    rankings = rank(of_sketches, of_photos, distance)
    evaluation = evaluate_rankings(photos.files, sketches.files, rankings, distance=distance)
    return evaluation, of_photos, of_sketches
