"""The network as it serves: folded norms, half precision, float32 where it counts."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from encoder_service.runtimes.folding import fold_norms
from encoder_service.runtimes.half import keep_sums
from encoder_service.runtimes.network import ServingNetwork
from encoder_service.runtimes.torch import Float32
from sketchzoo.images import Modality, decode, squared
from sketchzoo.model import ModelArtefact
from sketchzoo.towers import backbone
from tests.artefacts import drawing, picture, torch_model


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Torch's threads wait for each other for long where others need the cores too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("name", "norms"), [("efficientnet_lite0", 49), ("resnet18", 20)])
def test_folded_norms_change_no_feature(name: str, norms: int) -> None:
    """All of them go, timm's with the activation inside and torchvision's without."""
    torch.manual_seed(0)
    net, _ = backbone(name)
    for each in net.modules():
        if isinstance(each, nn.BatchNorm2d):
            nn.init.uniform_(each.running_var, 0.5, 2)  # type: ignore[arg-type] # they have one
            nn.init.normal_(each.running_mean, 0, 0.2)  # type: ignore[arg-type] # the same
    net.eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = net(images)
        assert fold_norms(net) == norms
        assert not any(isinstance(each, nn.BatchNorm2d) for each in net.modules())
        torch.testing.assert_close(net(images), expected, atol=1e-4, rtol=1e-3)


class Branching(nn.Module):
    """A convolution that two things read, one of them a norm; and a forward that decides."""

    def __init__(self, *, decides: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.decides = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), decides

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.conv(images)
        if self.decides and maps.sum() > 0:
            return maps
        normed: torch.Tensor = self.norm(maps)
        return maps + normed


@pytest.mark.parametrize("decides", [False, True])
def test_a_norm_that_cannot_be_folded_stays(*, decides: bool) -> None:
    """Where the convolution's own output counts, or nobody can tell what follows what."""
    assert fold_norms(Branching(decides=decides).eval()) == 0


def test_rounded_filters_keep_their_sums() -> None:
    """White paper answers a filter's sum: it moves far less than by rounding to the nearest."""
    weights = np.random.default_rng(0).normal(0, 0.3, (64, 1, 3, 3)).astype(np.float32)
    half = keep_sums(weights).astype(np.float64)
    exact = weights.astype(np.float64).sum(axis=(2, 3))
    nearest = np.abs(weights.astype(np.float16).astype(np.float64).sum(axis=(2, 3)) - exact)
    kept = np.abs(half.sum(axis=(2, 3)) - exact)
    assert kept.max() < nearest.max() / 2
    assert kept.mean() < nearest.mean() / 5
    # No weight moves by more than some steps of its own.
    assert (np.abs(half - weights) <= 2.5 * np.spacing(np.abs(weights).astype(np.float16))).all()


@pytest.mark.parametrize("modality", Modality)
def test_in_half_precision_the_shipped_model_keeps_its_embeddings(modality: Modality) -> None:
    """float16 weights and maps, float32 pooling, head and norm: a cosine of .9999 here.

    Computed as a GPU does: sums in float32, each layer's answer rounded to float16. CPUs that
    compute in float16 take a minute for it.
    """
    artefact = ModelArtefact.load("zoo-1")
    content = picture if modality is Modality.PHOTO else drawing
    how = artefact.towers[modality].preprocessing
    squares = [squared(decode(content(seed)), how) for seed in range(2)]
    net = ServingNetwork(artefact, modality, half=True)
    for each in net.backbone.modules():
        if isinstance(each, nn.Conv2d):
            assert each.weight.dtype is torch.float16
            each.register_forward_hook(lambda _, __, maps: maps.half().float())
    net.backbone.float()
    net.dtype = torch.float32
    with torch.inference_mode():
        vectors = net(torch.from_numpy(np.stack(squares))).numpy()
    assert (vectors * Float32(artefact).embed(modality, squares)).sum(axis=1).min() >= 0.9999


def test_half_precision_ends_before_the_pooling(tmp_path: Path) -> None:
    """What comes out is float32, of norm 1 to six digits."""
    artefact = torch_model(tmp_path)
    squares = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    net = ServingNetwork(artefact, Modality.PHOTO, half=True)
    pooled: list[torch.dtype] = []
    net.backbone.global_pool.register_forward_hook(lambda _, __, out: pooled.append(out.dtype))  # type: ignore[union-attr,operator] # timm's
    with torch.inference_mode():
        vectors = net(torch.from_numpy(squares))
    assert pooled == [torch.float32]
    assert vectors.dtype is torch.float32
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3), atol=1e-6, rtol=0)
