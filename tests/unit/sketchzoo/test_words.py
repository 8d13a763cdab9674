"""Words: which class a text means, by the phrases that it is near."""

import importlib.util
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from model_artefact.wording import Queries, calibrated, measured
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.text_tower import TextTower
from sketchzoo.words import sentences
from sketchzoo.words.naming import Naming, Words
from sketchzoo.words.phrases import FILE, Calibration, Phrases
from sketchzoo.words.sentences import WordsMissingError
from tests.artefacts import tiny_model
from tests.text_towers import with_classes

CALIBRATION = Calibration(nearest=2, temperature=0.05, margin=0.05, floor=0.4)
PHRASES = Phrases(
    {"cat": ("cat", "kitten"), "dog": ("dog", "puppy")},
    ("tax", "chair", "invoice"),
    ("a", "photo of"),
    CALIBRATION,
)
installed = pytest.mark.skipif(
    importlib.util.find_spec(sentences.PACKAGE) is None,
    reason="the sentence model is not installed: it is the extra words",
)


class FakeSentences:
    """A sentence model for which words of one meaning are one direction, and others are apart."""

    MEANINGS = ({"cat", "kitten"}, {"dog", "puppy"}, {"tax", "invoice"})

    def embed(self, texts: Sequence[str]) -> Any:
        vectors = np.full((len(texts), 8), 0.1, np.float32)
        for row, text in zip(vectors, texts, strict=True):
            near = [index for index, words in enumerate(self.MEANINGS) if text in words]
            row[near[0] if near else 7] = 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def naming(*classes: str, phrases: Phrases = PHRASES) -> Naming:
    return Naming(cast("TextTower", FakeSentences()), phrases, classes)


def test_a_text_means_the_class_whose_phrases_it_is_near() -> None:
    """What is nearer to something else, or near to nothing, means none."""
    cat, invoice, unheard = naming("cat", "dog").posterior(["kitten", "invoice", "xylophone"])
    assert cat.argmax() == 0
    assert cat[0] > 0.9
    assert invoice.argmax() == unheard.argmax() == 2


def test_what_frames_a_text_says_nothing() -> None:
    """Nor do capitals and spaces; a text of frames alone is kept."""
    assert PHRASES.plain("  A  photo of a Kitten ") == "kitten"
    assert PHRASES.plain("Photo of") == "photo of"
    assert PHRASES.plain("a") == "a"


def test_a_class_of_ones_own_goes_by_its_name() -> None:
    """It needs no phrases, and is not something else that is called the same."""
    assert PHRASES.of("my_red-chair") == ("my red chair",)
    assert PHRASES.others(("chair",)) == ("tax", "invoice")
    assert PHRASES.others(("cat",)) == PHRASES.other


def test_a_text_fills_the_class_part_alone(tmp_path: Path) -> None:
    """Roots of the posterior where the class part lies, zeros in all others, norm 1."""
    artefact = with_classes(tiny_model(tmp_path, dimension=11), "cat", "dog")
    named = naming("cat", "dog")
    (vector,) = Words(named, 0, 0.5, artefact.dimension).embed(["kitten"])
    np.testing.assert_allclose(vector[:3] ** 2, named.posterior(["kitten"])[0], atol=1e-6)
    assert not vector[3:].any()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_a_word_beside_a_drawing_changes_the_class_part_only(tmp_path: Path) -> None:
    """How the drawn thing stands stays the drawing's, by the same shares."""
    artefact = with_classes(tiny_model(tmp_path, dimension=11), "cat", "dog")
    drawing = np.random.default_rng(0).random(11, np.float32)
    drawing /= np.linalg.norm(drawing)
    (word,) = Words(naming("cat", "dog"), 0, 0.5, 11).embed(["puppy"])
    blend = artefact.layout.blended(drawing, word, 0.5)
    others = blend[3:] / drawing[3:]
    np.testing.assert_allclose(others, others[0], rtol=1e-5)
    assert blend[:3].argmax() == 1


def test_a_text_that_is_as_likely_as_not_is_believed() -> None:
    """Its score with a photo that is sure of the class is the least that is."""
    words = Words(naming("cat", "dog"), 0, 0.5, 11)
    assert words.min_score == pytest.approx((1 + 0.5) / 2)


def test_the_fingerprint_tells_what_a_text_means() -> None:
    """Other classes, phrases or calibration are another text tower."""
    fingerprint = naming("cat", "dog").fingerprint
    assert fingerprint == naming("cat", "dog").fingerprint
    assert fingerprint != naming("dog", "cat").fingerprint
    phrases = Phrases(PHRASES.classes, ("tax",), PHRASES.frames, CALIBRATION)
    assert fingerprint != naming("cat", "dog", phrases=phrases).fingerprint


def test_the_kept_phrases_name_every_shared_class_once() -> None:
    """No phrase stands for two classes, or for one and for something else."""
    phrases = Phrases.read()
    shared = ModelArtefact.load("zoo-1").notes["shared_classes"]
    assert set(phrases.classes) == set(shared)
    each = [phrase.casefold() for name in shared for phrase in phrases.of(name)]
    each += [phrase.casefold() for phrase in phrases.other]
    assert len(each) == len(set(each))


def test_the_vectors_of_all_kept_phrases_are_kept() -> None:
    """scripts/words.py writes them: an encoder that must embed them starts a second later."""
    phrases = Phrases.read()
    each = {phrase for name in phrases.classes for phrase in phrases.of(name)}
    kept = sentences.kept_vectors()
    assert each | set(phrases.other) == set(kept)
    assert all(abs(np.linalg.norm(vector) - 1) < 1e-3 for vector in kept.values())


@pytest.mark.parametrize(
    ("line", "instead", "problem"),
    [
        ("[classes]", '[classes]\nfox = "fox"', "fox must be a list of texts, not 'fox'"),
        ("[classes]", "[classes]\nfox = [1]", "fox must be a list of texts, not [1]"),
        ("nearest = 2", "nearest = 2.5", "nearest must be a whole number, not 2.5"),
    ],
)
def test_what_stands_in_the_wrong_form_is_named(
    line: str, instead: str, problem: str, tmp_path: Path
) -> None:
    """A class's one phrase without brackets would be its letters, and found by nothing."""
    path = tmp_path / "phrases.toml"
    path.write_text(FILE.read_text().replace(line, instead, 1))
    with pytest.raises(ModelError, match=re.escape(problem)):
        Phrases.read(path)


@pytest.mark.parametrize(
    "content", ["", "[classes", "[classes]\n[other]\nphrases=[]\nframes=[]", "classes = 1"]
)
def test_what_is_no_file_of_phrases_is_named(content: str, tmp_path: Path) -> None:
    """In one line, with its path."""
    path = tmp_path / "phrases.toml"
    path.write_text(content)
    with pytest.raises(ModelError, match=r"phrases\.toml is no file of phrases"):
        Phrases.read(path)


def test_a_model_that_knows_no_classes_has_no_words(tmp_path: Path) -> None:
    """An imported one needs a text tower of its own."""
    assert Words.of(tiny_model(tmp_path)) is None


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the package is imported to find out."""
    artefact = with_classes(tiny_model(tmp_path, dimension=11), "cat", "dog")
    monkeypatch.setattr(sentences, "PACKAGE", "no_such_package")
    with pytest.raises(WordsMissingError, match="it is the extra words"):
        Words.of(artefact)


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept graph names places within one file, which its SHA-256 tells."""
    package = tmp_path / "other_sentences"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('it must not be imported')")
    (package / sentences.WEIGHTS).write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sentences, "PACKAGE", "other_sentences")
    artefact = with_classes(tiny_model(tmp_path / "model", dimension=11), "cat", "dog")
    with pytest.raises(ModelError, match="has the SHA-256"):
        Words.of(artefact)


@pytest.fixture(scope="module")
def shipped() -> Words:
    words = Words.of(ModelArtefact.load("zoo-1"))
    assert words is not None
    return words


@installed
def test_the_shipped_words_know_what_people_say(shipped: Words) -> None:
    """As docs/words.md says of the kept queries, and of the half that calibrated nothing."""
    queries = Queries.read()
    for of in (queries, queries.half(1)):
        figures = measured(shipped.naming, of)
        assert figures.right >= 0.88
        assert figures.confident >= 0.8
        assert figures.refused >= 0.95
        assert figures.auroc >= 0.96


@installed
def test_the_kept_calibration_is_what_the_first_half_comes_to(shipped: Words) -> None:
    """So that whoever adds a phrase sees that it must be found again."""
    found = calibrated(shipped.naming, Queries.read().half(0))
    assert found == Phrases.read().calibration


@installed
def test_a_model_may_have_phrases_of_its_own(tmp_path: Path) -> None:
    """In its folder: another language, or classes that nobody else has."""
    artefact = with_classes(tiny_model(tmp_path, dimension=11), "cat", "gizmo")
    (tmp_path / "phrases.toml").write_text(
        "frames = []\n[calibration]\nnearest = 1\ntemperature = 0.03\nmargin = 0.05\nfloor = 0.4\n"
        f"[classes]\ngizmo = {json.dumps(['steam turbine'])}\n[other]\nphrases = ['tax']\n"
    )
    words = Words.of(artefact)
    assert words is not None
    (vector,) = words.embed(["steam turbines"])
    assert vector.argmax() == 1


@installed
def test_a_text_alone_and_among_others_is_the_same(shipped: Words) -> None:
    """Padding to the longest of a run changes nothing."""
    texts = ["kitten", "an old wooden sailing ship with two masts and a black flag", "owl"]
    together = shipped.embed(texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(shipped.embed([text])[0], vector, atol=1e-4)
