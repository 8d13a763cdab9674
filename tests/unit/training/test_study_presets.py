"""Every experiment of the original study takes a step, though none is trained here."""

import numpy as np
import pytest
import torch

from sketchzoo_training.models.siamese import build_siamese
from sketchzoo_training.recipes.settings import preset_names, read_preset
from sketchzoo_training.recipes.siamese.config import parse_config
from sketchzoo_training.recipes.siamese.losses import make_loss
from sketchzoo_training.recipes.siamese.sampling import Labels, make_sampler

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
STUDY = [name for name in preset_names() if name.startswith("study/")]


@pytest.mark.parametrize("name", STUDY)
def test_a_preset_of_the_study_takes_a_step(name: str) -> None:
    """Network, loss and sampling of a preset fit together and move the backbone's weights."""
    config = parse_config(read_preset(name), name)
    torch.manual_seed(0)
    network = build_siamese(config.network.model_copy(update={"weights": "none"})).train()
    loss = make_loss(config.loss, classes=2, dimension=config.network.dimension)
    labels = Labels(np.array([0, 0, 1, 1]), np.array([0, 1, 1]))
    sampling = config.sampling.model_copy(update={"batch": 2})
    drawn = make_sampler(sampling, config.loss.name, labels, seed=0).batch(0)
    sketches = torch.randn(len(drawn.sketches), 3, 32, 32)
    photos = torch.randn(len(drawn.photos), 3, 32, 32)
    first = next(network.parameters())
    before = first.detach().clone()
    optimiser = torch.optim.Adam(network.parameters(), lr=config.optimiser.learning_rate)
    value = loss(
        *network(sketches, photos),
        torch.from_numpy(labels.sketches[drawn.sketches]),
        torch.from_numpy(labels.photos[drawn.photos]),
    )
    value.backward()
    optimiser.step()
    assert torch.isfinite(value)
    assert not torch.equal(first.detach(), before)
