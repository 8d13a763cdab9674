"""The quality gate: the shipped model still finds what it found when it was shipped."""

import json
import os
from pathlib import Path

import pytest

from sample_gallery.drawn import REVISION, Plan, draw
from sketchzoo.images import Modality
from sketchzoo.model import SHIPPED, ModelArtefact
from sketchzoo_training.data import list_images
from sketchzoo_training.evaluate.evaluation import evaluate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MODEL = "zoo-1"
PLAN = Plan(pictures=12, sketches=4, seed=7)
# Measured with the shipped model on revision 3 of the drawn sample: .912 and .974. Drawn pictures
# are no photographs, so this guards the model's files, not its merit.
FLOOR_P_AT_12 = 0.90
FLOOR_P_AT_1 = 0.94
# Figures of the same files on another processor differ in the last digits, and a sketch
# between two photos may fall on the other side.
SAME = 0.005


@pytest.fixture(scope="module")
def artefact() -> ModelArtefact:
    return ModelArtefact.load(SHIPPED / MODEL)


def test_the_fixed_drawn_set_is_found(artefact: ModelArtefact, tmp_path: Path) -> None:
    """Drawn sketches find drawn pictures of their class at least as well as when shipped."""
    folder = tmp_path / "drawn"
    draw(folder, PLAN, workers=2)
    report = evaluate(
        artefact,
        list_images(folder, Modality.PHOTO),
        list_images(folder, Modality.SKETCH),
    ).report()
    said = f"revision {REVISION}, fingerprint {artefact.fingerprint}: {report['p@12']:.4f}"
    assert report["queries"] == PLAN.sketches * report["classes"]
    assert report["p@12"] >= FLOOR_P_AT_12, said
    assert report["p@1"] >= FLOOR_P_AT_1, f"{said}, p@1 {report['p@1']:.4f}"


@pytest.mark.skipif(
    "SKETCHZOO_DATA" not in os.environ,
    reason="set SKETCHZOO_DATA to the folder that holds zoo/ to re-measure metrics.json",
)
def test_the_metrics_that_ship_are_true(artefact: ModelArtefact) -> None:
    """Measured again on the test split, the shipped files give the figures beside them."""
    zoo = Path(os.environ["SKETCHZOO_DATA"]) / "zoo"
    report = evaluate(
        artefact,
        list_images(zoo, Modality.PHOTO, split="test"),
        list_images(zoo, Modality.SKETCH, split="test"),
    ).report()
    stated = json.loads((artefact.folder / "metrics.json").read_text())
    for name in ("p@12", "map", "recall@1", "p@1", "p@5"):
        assert report[name] == pytest.approx(stated[name], abs=SAME), name
    assert (report["queries"], report["photos"]) == (stated["queries"], stated["photos"])
    for source, figures in stated["per_source"].items():
        assert report["per_source"][source]["p@12"] == pytest.approx(figures["p@12"], abs=SAME)
