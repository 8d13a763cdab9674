"""Calibrating: thresholds from photos and drawings of the user's own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_artefact.calibrating import FEWEST_CLAIMS, calibrate
from model_artefact.photos import Embedded, embed, listed
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.parts import Layout
from sketchzoo.posterior import Posterior
from tests.artefacts import picture, tiny_model

ANGLES = {"cat": 0.0, "dog": 1.2, "owl": 2.4}


def circle(noise: float, each: int, seed: int, *names: str) -> Embedded:
    """Return embeddings on a circle, those of a class around one angle."""
    random = np.random.default_rng(seed)
    classes = [name for name in names for _ in range(each)]
    angles = np.array([ANGLES[name] for name in classes])
    angles += noise * random.standard_normal(len(classes))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return Embedded(tuple(classes), vectors)


@pytest.fixture
def artefact(tmp_path: Path) -> ModelArtefact:
    """Return a model whose embeddings tell no classes."""
    return tiny_model(tmp_path / "tiny", dimension=2)


def test_drawings_part_what_has_photos_from_what_has_none(artefact: ModelArtefact) -> None:
    """Between the nearest photos of the right class and those of the others."""
    photos = circle(0.05, 8, 0, "cat", "dog")
    found = calibrate(artefact, photos, circle(0.05, 4, 1, "cat", "dog", "owl"))
    assert found.drawings is not None
    assert found.drawings.auroc == 1
    # Another class is 1.2 away, .68 on the scale of scores.
    assert 0.7 < found.drawings.min_score < 1
    assert found.precision == {"photos": 1.0, "drawings": 1.0}
    after = found.applied(artefact, {"photos": 16, "sketches": 12})
    assert after.min_score == found.drawings.min_score
    assert after.fingerprint == artefact.fingerprint
    assert after.notes["calibrated"]["sketches"] == 12


def test_photos_alone_tell_no_min_score_of_drawings(artefact: ModelArtefact) -> None:
    """It stays; what photos as queries come to is noted."""
    found = calibrate(artefact, circle(0.05, 8, 0, "cat", "dog"), None)
    after = found.applied(artefact, {"photos": 16, "sketches": 0})
    assert after.min_score == artefact.min_score == 0.5
    assert 0.7 < after.notes["calibrated"]["photos_as_queries"]["min_score"] < 1
    assert found.seen.why_not == "its embeddings tell no classes"
    assert after.seen_from is None


def test_a_photo_does_not_find_itself(artefact: ModelArtefact) -> None:
    """Of a class with one photo none is there to find."""
    with pytest.raises(ModelError, match="a class with at least two photos"):
        calibrate(artefact, circle(0.0, 1, 0, "cat", "dog"), None)


def test_a_model_that_answers_other_values_than_it_says_is_told(
    artefact: ModelArtefact, tmp_path: Path
) -> None:
    """In one line, before any threshold is sought."""
    (tmp_path / "cat").mkdir()
    for number in range(2):
        (tmp_path / "cat" / f"{number}.jpg").write_bytes(picture(number))
    pictures = listed(tmp_path, Modality.PHOTO, 50)
    with pytest.raises(ModelError, match="answers 2 values, not 3"):
        embed(replace(artefact, dimension=3, layout=Layout.whole(3)), pictures, Modality.PHOTO)


def test_what_cannot_be_embedded_or_is_there_twice_is_left_out(
    artefact: ModelArtefact, tmp_path: Path
) -> None:
    """Each with its reason; the others are embedded by their own photo's tower."""
    files = {"a.jpg": picture(0), "b.jpg": picture(1), "c.jpg": picture(0), "d.jpg": b"no picture"}
    for name, content in files.items():
        (tmp_path / "cat").mkdir(exist_ok=True)
        (tmp_path / "cat" / name).write_bytes(content)
    found = embed(artefact, listed(tmp_path, Modality.PHOTO, 50), Modality.PHOTO)
    assert found.classes == ("cat", "cat")
    assert found.vectors.shape == (2, 2)
    assert sum(found.left_out.values()) == 2
    assert found.left_out["duplicate"] == 1


@pytest.mark.parametrize(
    ("photos", "sketches", "problem"),
    [
        (("cat",), None, "photos of at least two classes are needed"),
        (("cat", "dog"), ("owl",), "no drawing is of a class that has photos"),
        (("cat", "dog"), (), "no drawing could be embedded"),
    ],
)
def test_too_little_to_tell_from_is_said(
    photos: tuple[str, ...], sketches: Any, problem: str, artefact: ModelArtefact
) -> None:
    """One class, or drawings of other things only."""
    drawn = None if sketches is None else Embedded((), np.zeros((0, 2), np.float32))
    if sketches:
        drawn = circle(0.05, 4, 1, *sketches)
    with pytest.raises(ModelError, match=problem):
        calibrate(artefact, circle(0.05, 8, 0, *photos), drawn)


def posteriors(right: int, wrong: int, sure: float) -> tuple[ModelArtefact, Embedded]:
    """Return the shipped model and photos of two of its classes that it names so."""
    shipped = ModelArtefact.load("zoo-1")
    posterior = Posterior.of(shipped)
    assert posterior is not None
    random = np.random.default_rng(0)
    classes, rows = [], []
    for number in range(right + wrong):
        truth, other = ("ant", "ape") if number % 2 else ("ape", "ant")
        named = truth if number < right else other
        row = 0.01 * random.random(shipped.dimension)
        row[: len(posterior.classes) + 1] = 0
        row[posterior.classes.index(named)] = (0.6 * sure) ** 0.5
        row[len(posterior.classes)] = (0.6 * (1 - sure)) ** 0.5
        classes.append(truth)
        rows.append(row)
    return shipped, Embedded(tuple(classes), np.array(rows, np.float32))


@pytest.mark.parametrize(
    ("right", "wrong", "sure", "expected", "why_not"),
    [
        (40, 1, 0.96, 0.95, ""),
        (30, 10, 0.96, None, ""),
        (FEWEST_CLAIMS - 2, 1, 0.96, None, "it is sure of fewer than 20 photos"),
        (40, 1, 0.5, None, "it is sure of fewer than 20 photos"),
    ],
)
def test_a_class_is_seen_where_it_is_right_often_enough(
    right: int, wrong: int, sure: float, expected: float | None, why_not: str
) -> None:
    """On the user's photos, as many as say something."""
    shipped, photos = posteriors(right, wrong, sure)
    found = calibrate(shipped, photos, None)
    assert (found.seen.seen_from, found.seen.why_not) == (expected, why_not)
    after = found.applied(shipped, {})
    assert after.seen_from == (shipped.seen_from if why_not else expected)


def test_pictures_are_listed_as_ingest_does(tmp_path: Path) -> None:
    """A folder a class, however deep a picture lies; hidden and other files are passed over."""
    for name in ("cat/a.jpg", "cat/2024/b.jpg", "dog/c.png", "dog/.hidden/d.jpg", "dog/._e.jpg"):
        (tmp_path / "photo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photo" / name).write_bytes(picture())
    (tmp_path / "photo" / "cat" / "notes.txt").write_text("mine")
    (tmp_path / "photo" / "@eaDir").mkdir()
    (tmp_path / "photo" / "@eaDir" / "f.jpg").write_bytes(picture())
    found = listed(tmp_path, Modality.PHOTO, 50)
    names = [(each.class_name, each.path.name) for each in found]
    assert names == [("cat", "b.jpg"), ("cat", "a.jpg"), ("dog", "c.png")]
    assert len(listed(tmp_path, Modality.PHOTO, 1)) == 2


@pytest.mark.parametrize("content", ["nothing", "no folder", "no class"])
def test_where_no_pictures_are_that_is_said(content: str, tmp_path: Path) -> None:
    """An empty folder, none, or pictures without a class."""
    folder = tmp_path / "photos"
    if content != "no folder":
        folder.mkdir()
    if content == "no class":
        (folder / "a.jpg").write_bytes(picture())
    with pytest.raises(ModelError, match=r"photos (is no folder|has no photo: put each into)"):
        listed(folder, Modality.PHOTO, 50)
