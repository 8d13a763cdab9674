"""The towers' recipe: what is drawn, learned, calibrated and exported."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import nn

from sketchzoo.images import Modality, Preprocessing, prepare
from sketchzoo.ink import lines
from sketchzoo.model import ModelArtefact
from sketchzoo_training.engine.processes import Share
from sketchzoo_training.errors import ConfigError, DataError
from sketchzoo_training.models.frozen import FrozenLayers
from sketchzoo_training.models.sketch_net import SketchNet
from sketchzoo_training.recipes.towers.augment import augment, draw, unpack, widen
from sketchzoo_training.recipes.towers.batches import DrawingBatch, batches, relative_shares
from sketchzoo_training.recipes.towers.config import ScheduleConfig, TowersConfig
from sketchzoo_training.recipes.towers.contours import trace
from sketchzoo_training.recipes.towers.drawings import Drawings, load_drawings
from sketchzoo_training.recipes.towers.material import load_material, pack_material
from sketchzoo_training.recipes.towers.run import train_towers
from sketchzoo_training.recipes.towers.thick import add_thick
from tests.unit.training.tiny_towers import losses, tiny

CPU = torch.device("cpu")
WHOLE = Share()


@pytest.mark.usefixtures("without_export")
def test_data_may_be_named_from_the_working_directory(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative data folder is as good as an absolute one."""
    monkeypatch.chdir(data.parent)
    train_towers(tiny(schedule={"steps": 1}), Path(data.name), tmp_path)
    assert len(losses(tmp_path)) == 1


def test_a_shuffle_draws_other_batches(data: Path) -> None:
    """The same seed and step give other drawings, and the same again for the same shuffle."""
    drawings = load_drawings(data, tiny())
    images = [first_batch(drawings, tiny(schedule={"shuffle": n})).images for n in (0, 1, 1)]
    assert not torch.equal(images[0], images[1])
    assert torch.equal(images[1], images[2])


def first_batch(drawings: Drawings, config: TowersConfig, share: Share = WHOLE) -> DrawingBatch:
    drawn = batches(drawings, [0, 1], config, steps=range(3, 4), share=share, device=CPU)
    return next(iter(drawn))


def test_processes_draw_parts_of_one_batch(data: Path) -> None:
    """Whatever the number of processes, a step's drawings are the same, drawn the same way."""
    drawings = add_thick(load_drawings(data, tiny()), data, tiny())
    whole = first_batch(drawings, tiny())
    parts = [first_batch(drawings, tiny(), Share(rank, 3)) for rank in range(3)]
    assert [len(part.images) for part in parts] == [2, 1, 1]
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
    assert torch.equal(torch.cat([part.spoilt for part in parts]), whole.spoilt)
    assert all(torch.equal(part.labels, whole.labels) for part in parts)


@pytest.mark.usefixtures("without_export")
def test_a_folder_of_another_recipe_is_refused(data: Path, tmp_path: Path) -> None:
    """A checkpoint is resumed by the settings that it was made with; what differs is named."""
    train_towers(tiny(schedule={"steps": 2}), data, tmp_path)
    with pytest.raises(ConfigError, match=r"schedule\.rate was 0\.0006, is 0\.001"):
        train_towers(tiny(schedule={"rate": 1e-3}), data, tmp_path)


def test_a_damaged_photo_is_named(data: Path, tmp_path: Path) -> None:
    """A photo that does not decode ends a run before it begins, in a line that names it."""
    copied = Path(shutil.copytree(data, tmp_path / "data"))
    (copied / "zoo/photo/ant/0.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"photo/ant/0\.jpg is not a JPEG, "):
        train_towers(tiny(), copied, tmp_path / "run")


@pytest.mark.usefixtures("without_export")
def test_a_run_learns_from_packed_data_what_it_learns_from_files(
    data: Path, tmp_path: Path
) -> None:
    """One file without an image in it gives the very losses; other settings are refused."""
    config = tiny()
    train_towers(config, data, tmp_path / "files")
    packed = tmp_path / "zoo.npz"
    pack_material(load_material(data, config, tmp_path / "cache"), packed)
    train_towers(config, packed, tmp_path / "packed")
    assert losses(tmp_path / "packed") == losses(tmp_path / "files")
    with pytest.raises(ConfigError, match="packed with other settings"):
        train_towers(tiny(photos={"size": 48}), packed, tmp_path / "other")
    packed.write_bytes(packed.read_bytes()[:1000])
    with pytest.raises(DataError, match="no packed data, or damaged"):
        train_towers(config, packed, tmp_path / "cut")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_two_processes_train_export_and_measure(data: Path, tmp_path: Path) -> None:
    """One command leaves a model that loads, its figures and its card."""
    train_towers(tiny(device={"processes": 2}), data, tmp_path)
    artefact = ModelArtefact.load(tmp_path / "zoo-1")
    assert artefact.classes == ("ant", "bee")
    assert artefact.dimension == 2 + 1 + 4
    assert artefact.towers[Modality.SKETCH].preprocessing.fit == "ink"
    metrics = json.loads((tmp_path / "zoo-1" / "metrics.json").read_text())
    assert list(metrics)[:2] == ["fingerprint", "p@12"]
    assert metrics["fingerprint"] == artefact.fingerprint
    assert metrics["queries"] == 4
    card = (tmp_path / "zoo-1" / "MODEL_CARD.md").read_text()
    assert "# zoo-1" in card
    assert "### What is seen on photos" in card
    assert artefact.notes["seen"]["test"]["photos"] == metrics["photos"]
    assert artefact.run is not None
    assert str(artefact.run) in card
    assert len(losses(tmp_path)) == 4


def test_drawn_batches_look_as_served_images_do(data: Path) -> None:
    """A drawing without augmentation is the very input that the service prepares."""
    config = tiny()
    drawings = load_drawings(data, config)
    served = Preprocessing(32, "ink", (0.5,), (0.5,), config.drawing.keep, config.drawing.pen)
    image = Image.open(data / drawings.files[0]).convert("RGB")
    drawn = draw(unpack(torch.from_numpy(drawings.lines[:1])), 32, config.drawing.pen)[0].numpy()
    assert np.abs(drawn - prepare(image, served)).max() < 0.01


def test_augmented_drawings_differ_and_stay_drawings(data: Path) -> None:
    """Each drawing is drawn in its own way, black on white, some ink left."""
    thinned = unpack(torch.from_numpy(load_drawings(data, tiny()).lines[:4]))
    images = augment(thinned, 48, (3, 5), 1.0, torch.Generator().manual_seed(0))
    assert images.shape == (4, 1, 48, 48)
    assert images.min() >= -1
    assert images.max() <= 1
    assert (images < 0).flatten(1).any(1).all()
    assert not torch.equal(images, augment(thinned, 48, (3, 5), 1.0, torch.Generator()))


def test_frozen_layers_give_what_the_whole_network_gives() -> None:
    """Frozen layers by ONNX Runtime and the others by torch make the backbone's features."""
    net = SketchNet(3, 4, frozen=2).eval()
    frozen = FrozenLayers(net.still())
    for size in (32, 48):
        images = torch.rand(2, 1, size, size) * 2 - 1
        with torch.inference_mode():
            whole = net.classifier(net.features(images))
            joined, _ = net(frozen(images))
        torch.testing.assert_close(joined, whole, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("pen", [1, 3, 5, 7])
def test_a_pen_widens_as_a_maximum_over_its_square_does(pen: int) -> None:
    """The quick way to widen lines equals the plain one."""
    dots = (torch.rand(2, 1, 40, 40) < 0.02).float()
    expected = nn.functional.max_pool2d(dots, pen, 1, pen // 2)
    assert torch.equal(widen(dots, pen), expected)


def test_splits_of_doodles_are_disjoint_and_steady() -> None:
    """Held-out doodles stay the same from run to run."""
    from sketchzoo_training.recipes.towers.drawings import _split_doodles  # noqa: PLC0415 - private

    splits = _split_doodles(150, [0, 1])
    assert splits == _split_doodles(150, [0, 1])
    assert (splits.count("val"), splits.count("test"), splits.count("train")) == (12, 21, 117)


def test_a_wide_pen_leaves_a_drawing_of_the_same_class(data: Path) -> None:
    """Thick drawings join the training drawings only, with their classes."""
    config = tiny()
    drawings = load_drawings(data, config)
    more = add_thick(drawings, data, config)
    added = more.labels[len(drawings.labels) :]
    assert len(added) == 10
    assert sorted(added) == [0] * 5 + [1] * 5
    assert set(more.split[len(drawings.labels) :]) == {"train"}


def test_a_contour_follows_the_shape_in_a_photo() -> None:
    """The strongest edges where the class is seen are traced, and lines come out."""
    image = Image.new("RGB", (224, 224), "white")
    ImageDraw.Draw(image).ellipse((60, 60, 160, 160), fill="black")
    photo = torch.from_numpy(prepare(image, Preprocessing(224, "crop", (0.5,) * 3, (0.5,) * 3)))
    traced = np.unpackbits(trace(photo, np.ones((224, 224), np.float32), 0.92), axis=1)
    disc = Image.new("L", (224, 224), 255)
    ImageDraw.Draw(disc).ellipse((60, 60, 160, 160), outline=0, width=2)
    ring = lines(disc)
    near = unpack(torch.from_numpy(np.packbits(ring, axis=1)[None]))
    assert widen(near, 15)[0, 0].numpy()[traced.astype(bool)].mean() > 0.9


def test_shares_are_of_the_classes_that_are_searched_for(data: Path) -> None:
    """Classes with as many drawings have shares of 1."""
    config = tiny()
    drawings = load_drawings(data, config)
    assert relative_shares(drawings, config).tolist() == pytest.approx([1.0, 1.0])


def test_rates_rise_stay_and_fall() -> None:
    """The learning rates' share rises at once, stays at 1 and ends near nothing."""
    schedule = ScheduleConfig(steps=1000, warm_steps=10, decay_share=0.4)
    assert schedule.share(0) == pytest.approx(0.1)
    assert schedule.share(300) == 1
    assert schedule.share(800) == pytest.approx(0.5)
    assert schedule.share(999) < 0.01


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schedule.steps", 0),
        ("drawing.size", 8),
        ("data.zoo_share", 1.0),
        ("device.processes", 3),
        ("network.frozen_blocks", 9),
        ("network.starts_from", "nobody"),
        ("photos.discriminant_shrinkage", 0.0),
        ("schedule.stepps", 3),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: float | str) -> None:
    """A setting out of range, or none at all, names itself."""
    table, _, field = name.partition(".")
    with pytest.raises(ConfigError, match=name):
        tiny(**{table: {field: value}})


def test_processes_and_threads_are_no_part_of_a_digest() -> None:
    """How a run is carried out decides no weight; how long it lasts is left out of its lineage."""
    config = tiny()
    other = tiny(
        device={"processes": 2, "threads": 2, "read_every": 3}, budget={"validate_every": 9}
    )
    assert config.digest() == other.digest()
    longer = tiny(schedule={"steps": 9})
    assert config.digest() != longer.digest()
    assert config.lineage() == longer.lineage()
    assert config.lineage() != tiny(schedule={"rate": 1e-3}).lineage()
