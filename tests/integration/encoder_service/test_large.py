"""Cameras' largest files, sent raw by several callers at once: embedded in bounded memory."""

import asyncio
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sample_gallery.drawn import draw_picture
from sketchzoo.encoder_client import Embedding, EncoderClient, ImageToEmbed
from sketchzoo.images import Modality, enough_for
from sketchzoo.rpc import ChannelSettings
from tests.artefacts import EncoderProcess, encoder_process
from tests.unit.sketchzoo.pictures import saved

MOST_MEGABYTES = 400


def peak_megabytes(running: EncoderProcess) -> int:
    """Return the most that the process itself has held so far."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1000


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_48_megapixels_are_embedded_in_bounded_memory() -> None:
    """Baseline, progressive and HEIC, three at once, by the shipped model; each is the same."""
    drawn = Image.open(io.BytesIO(draw_picture("elephant", 0))).convert("RGB")
    image = drawn.resize((8064, 6048), Image.Resampling.BICUBIC)
    files = [
        saved("JPEG", image, quality=90),
        saved("JPEG", image, quality=90, progressive=True),
        saved("HEIF", image.resize((2016, 1512)), quality=70),
    ]
    with encoder_process("zoo-1") as running:
        async with EncoderClient(ChannelSettings(running.target)) as client:
            calls = [
                client.embed([ImageToEmbed(file, Modality.PHOTO)], 60) for file in (*files, *files)
            ]
            answers = await asyncio.gather(*calls)
        peak = peak_megabytes(running)
    outcomes = [answer.outcomes[0] for answer in answers]
    vectors = [np.array(each.values()) for each in outcomes if isinstance(each, Embedding)]
    assert len(vectors) == len(calls), outcomes
    assert min(float(vectors[0] @ vector) for vector in vectors) >= 0.999
    assert peak < MOST_MEGABYTES


async def test_the_encoder_tells_how_it_prepares_images() -> None:
    """To whoever shrinks before sending; of another version nothing is told."""
    with encoder_process("zoo-1") as running:
        async with EncoderClient(ChannelSettings(running.target)) as client:
            model = await client.model(10)
    photo, sketch = model.photo_preprocessing, model.sketch_preprocessing
    assert photo is not None
    assert sketch is not None
    assert (photo.size, photo.fit, photo.channels, enough_for(photo)) == (224, "crop", 3, 560)
    assert (sketch.size, sketch.fit, sketch.keep, sketch.channels) == (224, "ink", 0.8, 1)
