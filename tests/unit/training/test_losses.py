"""Losses against values worked by hand, and what every loss must do."""

import pytest
import torch
from pydantic import ValidationError

from sketchzoo_training.recipes.siamese.config import LossConfig
from sketchzoo_training.recipes.siamese.losses import ContrastiveLoss, TripletLoss, make_loss

NAMES: list[str] = [
    "contrastive",
    "triplet",
    "supcon",
    "multi-similarity",
    "proxy-anchor",
    "normalised-softmax",
]


def test_contrastive_by_hand() -> None:
    """A pair of a class costs d², one of two classes (margin - d)² up to the margin."""
    sketches = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    photos = torch.tensor([[3.0, 4.0], [0.5, 0.0], [9.0, 0.0]])
    value = ContrastiveLoss(2.0)(sketches, photos, torch.tensor([1, 1, 1]), torch.tensor([1, 2, 2]))
    assert value.item() == pytest.approx((25 + 1.5**2 + 0) / 3, rel=1e-4)


def test_triplet_by_hand() -> None:
    """A triplet costs what the positive lacks to be nearer by the margin."""
    sketches = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    photos = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.5, 0.0], [5.0, 0.0]])
    labels = torch.tensor([0, 0])
    value = TripletLoss(1.0)(sketches, photos, labels, labels)
    assert value.item() == pytest.approx((0.5 + 0) / 2, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_teaches(name: str) -> None:
    """A few steps down the gradient lower each loss, its own weights included."""
    torch.manual_seed(0)
    loss = make_loss(LossConfig(name=name), classes=3, dimension=4)
    sketches = torch.randn(6, 4, requires_grad=True)
    photos = torch.randn(12 if name == "triplet" else 6, 4, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    photo_labels = torch.cat([labels, (labels + 1) % 3]) if name == "triplet" else labels
    optimiser = torch.optim.Adam([sketches, photos, *loss.parameters()], lr=0.1)
    values = []
    for _ in range(20):
        value = loss(sketches, photos, labels, photo_labels)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert values[-1] < values[0] - 0.05


@pytest.mark.parametrize("miner", ["multi-similarity", "batch-hard"])
@pytest.mark.parametrize("name", ["supcon", "multi-similarity"])
def test_miners_pick_pairs(name: str, miner: str) -> None:
    """Losses over pairs work with each miner."""
    config = LossConfig.model_validate({"name": name, "miner": miner})
    loss = make_loss(config, classes=2, dimension=3)
    torch.manual_seed(1)
    labels = torch.tensor([0, 0, 1, 1])
    value = loss(torch.randn(4, 3), torch.randn(4, 3), labels, labels)
    assert torch.isfinite(value)


def test_a_miner_without_pairs_is_refused() -> None:
    """A miner makes no sense where no pairs are compared."""
    with pytest.raises(ValidationError, match="not with contrastive"):
        LossConfig(name="contrastive", miner="batch-hard")
