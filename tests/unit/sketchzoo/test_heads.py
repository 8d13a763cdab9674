"""The head of three parts: what each says, and what a doubting tower leaves out."""

import pytest
import torch

from sketchzoo.heads import PartsHead, pooled
from sketchzoo.parts import CLASS, GENERAL, SHAPE
from sketchzoo.towers import build_tower

WEIGHTS = (0.5, 0.3, 0.2)


def head(doubt: float = 0.0, temperature: float = 1.0) -> PartsHead:
    torch.manual_seed(0)
    return PartsHead(
        6, 4, 3, 5, 7, cell=2, grid=2, temperature=temperature, weights=WEIGHTS, doubt=doubt
    )


def test_the_parts_lie_where_the_layout_says_and_weigh_what_it_says() -> None:
    """Each part's squared norm is its weight, and all of them come to 1."""
    built = head()
    embedding = built(torch.rand(2, 6, 5, 5))
    layout = built.layout()
    for part, where in zip(layout.parts, layout.slices().values(), strict=True):
        squares = embedding[:, where].square().sum(1)
        assert torch.allclose(squares, torch.full((2,), part.weight), atol=1e-5)
    assert [part.name for part in layout.parts] == [CLASS, GENERAL, SHAPE]


def test_what_lies_elsewhere_changes_the_shape_part_alone() -> None:
    """A mirrored map has the same class and general part, and another shape."""
    built = head()
    maps = torch.rand(1, 6, 4, 4)
    there, mirrored = built(maps)[0], built(maps.flip(3))[0]
    where = built.layout().slices()
    for name in (CLASS, GENERAL):
        assert torch.allclose(there[where[name]], mirrored[where[name]], atol=1e-6)
    assert not torch.allclose(there[where[SHAPE]], mirrored[where[SHAPE]], atol=1e-3)


def test_a_doubting_tower_has_a_weaker_class_part() -> None:
    """The more doubt, the more the other two parts count; norm 1 stays."""
    maps = torch.rand(3, 6, 4, 4)
    sure, doubting = head(0.0)(maps), head(1.0)(maps)
    where = head().layout().slices()[CLASS]
    assert (doubting[:, where].norm(dim=1) < sure[:, where].norm(dim=1)).all()
    assert torch.allclose(doubting.norm(dim=1), torch.ones(3), atol=1e-5)


def test_cells_are_means_of_equal_reach_whatever_the_maps_side() -> None:
    """What lies across a border counts for both cells by its share in each."""
    maps = torch.arange(3.0).reshape(1, 1, 1, 3).expand(1, 1, 3, 3)
    cells = pooled(maps, 2)[0, :, 0].reshape(2, 2)
    assert torch.allclose(cells, torch.tensor([[1 / 3, 5 / 3], [1 / 3, 5 / 3]]))


@pytest.mark.parametrize(
    "wrong",
    [{"weights": (1.0, 0.0, 0.5)}, {"weights": (1.0,)}, {"doubt": -1.0}, {"temperature": 0.0}],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    """Weights, doubt and temperature are named."""
    settings: dict[str, object] = {"temperature": 1.0, "weights": WEIGHTS, **wrong}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PartsHead(6, 4, 3, 5, 7, cell=2, grid=2, **settings)  # type: ignore[arg-type]


def test_a_backbone_without_maps_cannot_bear_it() -> None:
    """Torchvision's networks give out pooled features alone."""
    described = {
        "kind": "parts", "classes": 4, "shared": 3, "general": 5, "shape": 7, "cell": 2,
        "grid": 2, "temperature": 1.0, "weights": WEIGHTS,
    }  # fmt: skip
    with pytest.raises(ValueError, match="maps"):
        build_tower({"backbone": "resnet18", "head": described})
