"""A model that was brought: made by the command, served by the encoder, ingested with and found."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest

from model_artefact.pictures import pictures
from model_artefact.running import Session
from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.images import Modality, decode, prepare
from sketchzoo.model import ModelArtefact
from tests.artefacts import drawing, encoder_process, picture
from tests.unit.model_artefact.exports import image_encoder, text_encoder, tokenizer


def sketchzoo(*arguments: object, missing: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command, as if the module `missing` was not installed."""
    gone = f"sys.modules[{missing!r}] = None; " if missing else ""
    code = (
        f"import sys; {gone}from sketchzoo.cli import main; "
        f"sys.argv = ['sketchzoo', *{[str(each) for each in arguments]!r}]; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an imported model with a text tower."""
    folder = tmp_path_factory.mktemp("brought")
    made = sketchzoo(
        *("model", "import", "--photo", image_encoder(folder / "clip.onnx")),
        *("--size", 32, "--mean", "0.48,0.46,0.41", "--std", "0.27,0.26,0.28"),
        *("--text", text_encoder(folder / "text.onnx"), "--context", 9),
        *("--tokenizer", tokenizer(folder / "tokenizer.json")),
        *("--licence", "MIT", "--name", "brought", "--out", folder / "model"),
    )
    assert made.returncode == 0, made.stderr
    assert "brought, fingerprint" in made.stdout
    return folder / "model"


def test_the_encoder_serves_it(model: Path) -> None:
    """A photo and a sketch come to the values that the model's own graph answers."""
    artefact = ModelArtefact.load(model)
    photo, sketch = picture(), drawing()
    with encoder_process(model) as encoder, grpc.insecure_channel(encoder.target) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        known = stub.GetModel(encoder_pb2.GetModelRequest(), timeout=30)
        answer = stub.Embed(
            encoder_pb2.EmbedRequest(
                images=[
                    encoder_pb2.Image(content=photo, modality=encoder_pb2.MODALITY_PHOTO),
                    encoder_pb2.Image(content=sketch, modality=encoder_pb2.MODALITY_SKETCH),
                ]
            ),
            timeout=30,
        )
    assert (known.name, known.fingerprint) == ("brought", artefact.fingerprint)
    for result, content, modality in zip(
        answer.results, (photo, sketch), (Modality.PHOTO, Modality.SKETCH), strict=True
    ):
        image = prepare(decode(content), artefact.towers[modality].preprocessing)
        (expected,) = Session(artefact.onnx(modality)).embed(image[None])
        found = np.frombuffer(result.embedding.vector, "<f4")
        assert np.allclose(found, expected, atol=1e-4)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-3)


def test_a_check_is_a_table_and_a_status(model: Path, tmp_path: Path) -> None:
    """0 where every promise is kept, 1 where one is broken, 2 where there is no model."""
    kept = sketchzoo("model", "check", model)
    assert kept.returncode == 0
    assert "NO" not in kept.stdout
    bad = tmp_path / "bad"
    bad.mkdir()
    for path in model.iterdir():
        (bad / path.name).write_bytes(path.read_bytes())
    (bad / "photo.safetensors").write_bytes(b"")
    broken = sketchzoo("model", "check", bad)
    assert broken.returncode == 1
    assert re.search(r"fingerprint +NO +.*photo\.safetensors", broken.stdout)
    gone = sketchzoo("model", "check", tmp_path / "none")
    assert gone.returncode == 2
    assert len(gone.stderr.splitlines()) == 1


def gallery(folder: Path) -> None:
    """Draw photos and sketches of three classes, each of pictures that look alike."""
    for number, name in enumerate(("cat", "dog", "owl")):
        for each in range(3):
            for kind, what in (("photo", number), ("sketch", number)):
                image = pictures()[what].resize((96 + 8 * each, 96))
                path = folder / kind / name / f"{each}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)


def test_it_is_calibrated_in_place_and_into_a_copy(model: Path, tmp_path: Path) -> None:
    """min_score is written, nothing else of the model changes, and it is served with it."""
    gallery(tmp_path)
    copy = tmp_path / "calibrated"
    options = ("--photos", tmp_path / "photo", "--sketches", tmp_path / "sketch")
    made = sketchzoo("model", "calibrate", model, *options, "--out", copy)
    assert made.returncode == 0, made.stderr
    before, after = ModelArtefact.load(model), ModelArtefact.load(copy)
    assert before.min_score == 0 < after.min_score < 1
    assert after.fingerprint == before.fingerprint
    assert f"min_score {after.min_score}" in made.stdout
    again = sketchzoo("model", "calibrate", model, *options, "--out", copy)
    assert again.returncode == 3
    in_place = sketchzoo("model", "calibrate", copy, "--photos", tmp_path / "photo")
    assert in_place.returncode == 0, in_place.stderr
    assert f"min_score stays {after.min_score}" in in_place.stdout
    notes = json.loads((copy / "config.json").read_text())["notes"]
    assert notes["calibrated"]["photos"] == 9


def test_a_missing_library_names_its_extra(tmp_path: Path) -> None:
    """Texts need one more than images do."""
    ended = sketchzoo(
        *("model", "import", "--photo", image_encoder(tmp_path / "clip.onnx"), "--size", 32),
        *("--mean", 0.5, "--std", 0.5, "--out", tmp_path / "model"),
        *("--text", text_encoder(tmp_path / "text.onnx")),
        *("--tokenizer", tokenizer(tmp_path / "tokenizer.json", context=9)),
        missing="tokenizers",
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("sketchzoo model import: ")
    assert ended.stderr.endswith("library tokenizers: pip install 'sketchzoo[text]'\n")
