"""Text towers: words in the photos' space, with the tokenizer that they were made for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from model_artefact.importing import Plan, Side, Square, make
from model_artefact.running import is_unit
from model_artefact.source import Source
from model_artefact.text import TextSource
from model_artefact.tower import Pixels
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.text_config import TextConfig
from sketchzoo.text_tower import TextSession
from sketchzoo.tokenizer import Tokens
from tests.unit.model_artefact.exports import (
    SIZE,
    both_encoders,
    image_encoder,
    text_encoder,
    tokenizer,
)


def imported(text: TextSource, folder: Path, photo: Path | None = None) -> ModelArtefact:
    """Import a text tower beside an image encoder's."""
    photo = photo or image_encoder(folder / "photo.onnx")
    side = Side(Source(photo), Pixels((0.5,), (0.5,), SIZE), Square("crop"))
    make(Plan("words", side, Square("letterbox"), text), folder / "model")
    return ModelArtefact.load(folder / "model")


def parts(artefact: ModelArtefact) -> tuple[TextConfig, Tokens, TextSession]:
    """Open an artefact's text tower."""
    text = artefact.text
    assert text is not None
    _, onnx, name = text.files
    tokens = Tokens.read(artefact.folder / name, text.context)
    return text, tokens, TextSession(artefact.folder / onnx, text.inputs)


@pytest.mark.parametrize(
    ("form", "inputs"),
    [
        ({}, ("input_ids", "attention_mask")),
        ({"mask": False}, ("input_ids",)),
        ({"dtype": TensorProto.INT32}, ("input_ids", "attention_mask")),
        ({"context": 9}, ("input_ids", "attention_mask")),
    ],
)
def test_texts_are_embedded_among_photos(
    form: dict[str, Any], inputs: tuple[str, ...], tmp_path: Path
) -> None:
    """Of norm 1, each text cut and padded to the context, its end token kept."""
    source = Source(text_encoder(tmp_path / "text.onnx", **form))
    told = tokenizer(tmp_path / "tokenizer.json", context=9, padding=True)
    text, tokens, session = parts(imported(TextSource(source, told), tmp_path))
    assert (text.context, text.inputs, text.eos) == (9, inputs, 1)
    found = tokens.of(["a cat", "a drawing of a dog " * 9])
    assert found["input_ids"].tolist() == [
        [0, 3, 4, 1, 1, 1, 1, 1, 1],
        [0, 3, 6, 7, 3, 5, 3, 6, 1],
    ]
    vectors = session.embed(found)
    assert vectors.shape == (2, 24)
    assert is_unit(vectors)


def test_one_file_may_have_both_towers(tmp_path: Path) -> None:
    """As exporters write CLIP: each tower takes its own part of it."""
    both = both_encoders(tmp_path / "clip.onnx")
    told = tokenizer(tmp_path / "tokenizer.json", context=9)
    artefact = imported(TextSource(Source(both), told), tmp_path, both)
    _, tokens, session = parts(artefact)
    assert is_unit(session.embed(tokens.of(["a cat"])))


def test_the_file_beside_a_tokenizer_states_what_it_does_not(tmp_path: Path) -> None:
    """Length and padding of `tokenizer_config.json`, as Hugging Face's models have them."""
    told = tokenizer(tmp_path / "tokenizer.json")
    config = {"model_max_length": 7, "pad_token": {"content": "<unk>"}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    source = Source(text_encoder(tmp_path / "text.onnx", mask=False))
    _, tokens, _ = parts(imported(TextSource(source, told), tmp_path))
    assert tokens.of(["a cat"])["input_ids"].tolist() == [[0, 3, 4, 1, 2, 2, 2]]


def test_what_is_said_goes_before_what_is_stated(tmp_path: Path) -> None:
    """The context and the token that fills up."""
    told = tokenizer(tmp_path / "tokenizer.json", context=9, padding=True, ends=False)
    source = Source(text_encoder(tmp_path / "text.onnx"))
    text = TextSource(source, told, context=4, pad_token="<unk>")  # noqa: S106 - no password
    found, tokens, _ = parts(imported(text, tmp_path))
    assert tokens.of(["a cat"])["input_ids"].tolist() == [[3, 4, 2, 2]]
    assert found.eos is None


def test_a_gallery_does_not_depend_on_the_text_tower(tmp_path: Path) -> None:
    """The fingerprint is the photos' and sketches'; the text tower has its own."""
    told = tokenizer(tmp_path / "tokenizer.json", context=9, padding=True)
    source = Source(text_encoder(tmp_path / "text.onnx"))
    artefact = imported(TextSource(source, told), tmp_path)
    text = artefact.text
    assert text is not None
    assert text.fingerprint != artefact.fingerprint
    (artefact.folder / "text.safetensors").write_bytes(b"")
    assert ModelArtefact.load(artefact.folder).fingerprint == artefact.fingerprint


@pytest.mark.parametrize(
    ("form", "words", "other", "problem"),
    [
        ({"dimension": 9}, {}, {}, "answers 9 values to a text, and photos have 24"),
        ({}, {"context": None}, {}, "does not state how many tokens a text may have: give --con"),
        ({"context": 9}, {}, {"context": 5}, "takes 9 tokens, not --context 5"),
        ({"mask": False}, {"padding": False}, {}, "takes no attention_mask: give --pad-token"),
        ({}, {}, {"pad_token": "[PAD]"}, "has no token '[PAD]' for --pad-token"),
        ({}, {}, {"context": 2}, "a context of 2 tokens leaves no room for a text"),
        ({}, {}, {"context": 10**9}, "a context must be of fewer than 100000 tokens"),
        ({"words": 5}, {}, {}, "text.onnx does not run with its tokenizer: ONNX Runtime cannot"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    form: dict[str, Any],
    words: dict[str, Any],
    other: dict[str, Any],
    problem: str,
    tmp_path: Path,
) -> None:
    """Tower and tokenizer, tower and photos; the line says what is missing. Nothing is made."""
    told = tokenizer(tmp_path / "tokenizer.json", **{"context": 9, "padding": True, **words})
    source = Source(text_encoder(tmp_path / "text.onnx", **form))
    with pytest.raises(ModelError) as raised:
        imported(TextSource(source, told, **other), tmp_path)
    assert problem in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("content", [None, "[]", "no JSON", "\x00"])
def test_what_is_no_tokenizer_is_named(content: str | None, tmp_path: Path) -> None:
    """A missing file, and one of another kind."""
    told = tmp_path / "tokenizer.json"
    if content is not None:
        told.write_text(content)
    source = Source(text_encoder(tmp_path / "text.onnx"))
    with pytest.raises(ModelError, match=r"tokenizer\.json is (missing|no tokenizer)"):
        imported(TextSource(source, told), tmp_path)


def test_words_that_a_tokenizer_does_not_know_are_told(tmp_path: Path) -> None:
    """One that has no token for the unknown cannot read any text."""
    told = tokenizer(tmp_path / "tokenizer.json", context=9, padding=True)
    told.write_text(told.read_text().replace('"unk_token":"<unk>"', '"unk_token":"[UNK]"'))
    told.write_text(told.read_text().replace('"unk_token": "<unk>"', '"unk_token": "[UNK]"'))
    source = Source(text_encoder(tmp_path / "text.onnx"))
    with pytest.raises(ModelError, match="the tokenizer has no tokens for 'a cat'"):
        imported(TextSource(source, told), tmp_path)


@pytest.mark.parametrize("stated", ["9", 9.5, [9], -9, 10**30])
def test_a_length_that_is_none_states_nothing(stated: Any, tmp_path: Path) -> None:
    """Of the file beside a tokenizer: then it is asked for."""
    told = tokenizer(tmp_path / "tokenizer.json", padding=True)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": stated}))
    source = Source(text_encoder(tmp_path / "text.onnx"))
    with pytest.raises(ModelError, match="give --context"):
        imported(TextSource(source, told), tmp_path)


def test_an_image_encoder_is_no_text_tower(tmp_path: Path) -> None:
    """Its inputs are listed."""
    told = tokenizer(tmp_path / "tokenizer.json", context=9)
    source = Source(image_encoder(tmp_path / "image.onnx"))
    with pytest.raises(ModelError, match=r"takes pixel_values \[.*; a text tower takes int64"):
        imported(TextSource(source, told), tmp_path)


def test_words_of_one_meaning_are_one_place(tmp_path: Path) -> None:
    """A text embeds to the same values alone and among others."""
    told = tokenizer(tmp_path / "tokenizer.json", context=9, padding=True)
    source = Source(text_encoder(tmp_path / "text.onnx"))
    _, tokens, session = parts(imported(TextSource(source, told), tmp_path))
    together = session.embed(tokens.of(["a cat", "a dog"]))
    assert np.allclose(session.embed(tokens.of(["a dog"])), together[1:], atol=1e-6)
