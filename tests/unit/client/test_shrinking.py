"""Large pictures: sent small, found the same, in little memory."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from encoder_service.runtimes.onnx import OnnxRuntime
from sample_gallery.drawn import draw_picture
from sketchzoo.client import TooLarge
from sketchzoo.client.picture import content
from sketchzoo.client.shrinking import SMALL_BYTES, Kind
from sketchzoo.images import Modality, decode, enough_for, fitted, lossless, prepare, squared
from sketchzoo.model import ModelArtefact
from tests.unit.sketchzoo.pictures import saved

MESSAGE = 16 * 1024 * 1024
MODEL = ModelArtefact.load("zoo-1")


@pytest.fixture(scope="module")
def runtime() -> OnnxRuntime:
    """Load the shipped model."""
    return OnnxRuntime(MODEL)


def large_photo(size: tuple[int, int] = (4000, 3000)) -> Image.Image:
    """Make a photo as a camera's: soft shapes, edges and grain."""
    noise = np.random.default_rng(0)
    shapes = Image.fromarray(noise.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    grain = Image.fromarray(noise.integers(0, 256, size[::-1], dtype=np.uint8)).convert("RGB")
    return Image.blend(shapes.resize(size, Image.Resampling.BICUBIC), grain, 0.05)


def large_elephant() -> Image.Image:
    """Make a photo of something that the model knows, with a camera's grain."""
    drawn = Image.open(io.BytesIO(draw_picture("elephant", 0))).convert("RGB")
    size = (4000, 3000)
    grain = np.random.default_rng(0).integers(0, 256, size[::-1], dtype=np.uint8)
    whole = drawn.resize(size, Image.Resampling.BICUBIC)
    return Image.blend(whole, Image.fromarray(grain).convert("RGB"), 0.05)


def large_sketch() -> Image.Image:
    """Make a drawing as a scanner's: lines on paper with grain."""
    lines = Image.new("L", (300, 200), 255)
    lines.paste(0, (60, 40, 66, 160))
    lines.paste(0, (60, 154, 220, 160))
    grain = np.random.default_rng(0).integers(0, 256, (2400, 3600), dtype=np.uint8)
    return Image.blend(lines.resize((3600, 2400)), Image.fromarray(grain), 0.05).convert("RGB")


def vector(runtime: OnnxRuntime, modality: Modality, image: Image.Image) -> npt.NDArray[np.float32]:
    """Return an image's embedding."""
    square = squared(image, MODEL.towers[modality].preprocessing)
    found: npt.NDArray[np.float32] = runtime.embed(modality, [square])[0]
    return found


def seen(runtime: OnnxRuntime, modality: Modality, file: bytes) -> npt.NDArray[np.float32]:
    """Return a file's embedding as the encoder makes it."""
    enough = enough_for(MODEL.towers[modality].preprocessing)
    return vector(runtime, modality, decode(file, enough=enough))


def forms(image: Image.Image) -> dict[str, Any]:
    """Return an image as whatever people hold of it."""
    return {
        "JPEG": saved("JPEG", image, quality=95),
        "progressive JPEG": saved("JPEG", image, quality=95, progressive=True),
        "PNG": saved("PNG", image, compress_level=1),
        "pixels": image,
        "array": np.asarray(image),
    }


@pytest.mark.parametrize("kind", ["photo", "sketch"])
def test_a_large_picture_is_sent_small_and_embedded_the_same(
    kind: Kind, runtime: OnnxRuntime
) -> None:
    """To a cosine of .999, against all of its pixels; as what it is held in does not matter."""
    image = large_photo() if kind == "photo" else large_sketch()
    modality = Modality(kind)
    whole = vector(runtime, modality, image)
    for form, held in forms(image).items():
        sent = content(kind, held, MESSAGE)
        assert len(sent) < 3 * SMALL_BYTES, form
        assert float(whole @ seen(runtime, modality, sent)) >= 0.999, form


@pytest.mark.parametrize("modality", Modality)
def test_what_is_fitted_is_embedded_as_the_file_itself(
    modality: Modality, runtime: OnnxRuntime
) -> None:
    """Whoever knows the model's preprocessing sends the network's very input."""
    preprocessing = MODEL.towers[modality].preprocessing
    image = large_elephant() if modality is Modality.PHOTO else large_sketch()
    file = saved("JPEG", image, quality=95)
    decoded = decode(file, enough=enough_for(preprocessing))
    sent = lossless(fitted(decoded, preprocessing))
    assert len(sent) < 2 * SMALL_BYTES
    np.testing.assert_array_equal(
        prepare(decode(sent), preprocessing), prepare(decoded, preprocessing)
    )
    assert float(vector(runtime, modality, image) @ seen(runtime, modality, sent)) >= 0.999


def test_a_small_file_is_sent_as_it_is() -> None:
    """Whatever it is: to judge it is the service's."""
    photo = saved("JPEG", large_photo((800, 600)))
    assert content("photo", photo, MESSAGE) == photo
    assert content("photo", b"no image", MESSAGE) == b"no image"


def test_what_cannot_be_shrunk_is_too_large_for_a_message() -> None:
    """No image, of which nobody knows how to send less."""
    with pytest.raises(TooLarge, match="sent at most"):
        content("photo", bytes(3 * SMALL_BYTES), 2 * SMALL_BYTES)
    assert content("photo", bytes(2 * SMALL_BYTES), MESSAGE) == bytes(2 * SMALL_BYTES)


_PROGRAM = """
import sys
from sketchzoo.client.picture import content
sent = content("photo", sys.argv[1], 16 << 20)
status = open("/proc/self/status").read()
print(len(sent), int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("progressive", [False, True])
def test_48_megapixels_are_sent_in_little_memory(tmp_path: Path, *, progressive: bool) -> None:
    """A camera's largest files, of which whole pictures would take 200 MB a copy."""
    path = tmp_path / "large.jpg"
    Image.effect_noise((1008, 756), 40).resize((8064, 6048)).convert("RGB").save(
        path, "JPEG", quality=90, progressive=progressive
    )
    told = subprocess.run(
        [sys.executable, "-c", _PROGRAM, path], check=True, capture_output=True, text=True
    )
    sent, peak = map(int, told.stdout.split())
    assert sent < 3 * SMALL_BYTES
    assert peak < 400
