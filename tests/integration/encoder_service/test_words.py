"""Words end to end: the shipped model's encoder process, real photos' vectors, real words."""

import asyncio
import importlib.util
from dataclasses import dataclass

import numpy as np
import pytest

from sample_gallery.drawn import draw_picture, draw_sketch
from sketchzoo.encoder_client import Embedded, Embedding, EncoderClient, EncoderModel, ImageToEmbed
from sketchzoo.images import Modality
from sketchzoo.rpc import CallError, ChannelSettings
from sketchzoo.words.sentences import PACKAGE
from tests.artefacts import encoder_process

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None,
    reason="the sentence model is not installed: it is the extra words",
)
SHOWN = ("cat", "elephant", "fish", "owl", "snake")
# Drawn pictures of these that the shipped model sees rightly: no photos, they are hard to see.
PICTURES = (2, 7, 11)
EACH = len(PICTURES)
TEXTS = (
    "kitten",
    "photos of a baby elephant",
    "it hoots at night",
    "quarterly tax report",
    "Berlin",
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the encoder says of drawn photos, texts and a sketch."""

    model: EncoderModel
    photos: np.ndarray
    texts: np.ndarray
    sketch: np.ndarray

    def scores(self, query: np.ndarray) -> np.ndarray:
        return (1 + self.photos @ query) / 2

    def named(self, query: np.ndarray) -> list[str]:
        """Return the classes of the photos that a query finds first."""
        return [SHOWN[index // EACH] for index in np.argsort(-self.scores(query))[:EACH]]


def vectors(outcomes: tuple[Embedding | CallError, ...]) -> np.ndarray:
    assert all(isinstance(each, Embedding) for each in outcomes)
    return np.array([each.values() for each in outcomes if isinstance(each, Embedding)])


@pytest.fixture(scope="module")
def answers() -> Answers:
    images = [
        ImageToEmbed(draw_picture(name, index), Modality.PHOTO)
        for name in SHOWN
        for index in PICTURES
    ]
    sketch = ImageToEmbed(draw_sketch("owl", 0), Modality.SKETCH)

    async def ask(target: str) -> tuple[EncoderModel, Embedded]:
        async with EncoderClient(ChannelSettings(target)) as client:
            return await client.model(10), await client.embed([*images, sketch], 60, TEXTS)

    with encoder_process("zoo-1", threads_alone=1) as encoder:
        model, embedded = asyncio.run(ask(encoder.target))
    drawn = vectors(embedded.outcomes)
    return Answers(model, drawn[:-1], vectors(embedded.texts), drawn[-1])


def test_kitten_finds_cats(answers: Answers) -> None:
    """And other words for what is shown find that; the plain ones above a text's confidence."""
    for text, name in zip(answers.texts, ("cat", "elephant", "owl"), strict=False):
        assert answers.named(text) == [name] * EACH
    for text in answers.texts[:2]:
        assert answers.scores(text).max() >= answers.model.text_min_score > 0.5


def test_what_no_class_means_finds_nothing(answers: Answers) -> None:
    """Its best score stays below that confidence, whatever is in the gallery."""
    for text in answers.texts[3:]:
        assert answers.scores(text).max() < answers.model.text_min_score


def test_a_word_beside_a_drawing_says_what_it_is(answers: Answers) -> None:
    """The class part alone is another; the drawing's other values keep their shares."""
    layout = answers.model.layout
    assert layout is not None
    kitten = answers.texts[0].astype(np.float32)
    blend = layout.blended(answers.sketch.astype(np.float32), kitten, 0.8)
    assert answers.named(answers.sketch) == ["owl"] * EACH
    assert answers.named(blend) == ["cat"] * EACH
    rest = slice(layout.slices()["class"].stop, None)
    np.testing.assert_allclose(
        blend[rest] / np.linalg.norm(blend[rest]),
        answers.sketch[rest] / np.linalg.norm(answers.sketch[rest]),
        atol=1e-5,
    )
