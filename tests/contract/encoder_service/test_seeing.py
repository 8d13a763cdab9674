"""`Embedding.seen` over a real socket, and what other releases' encoders tell."""

from dataclasses import replace

import pytest

from encoder_service.bootstrap import open_runtime, serving
from encoder_service.settings import EncoderSettings
from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder_client import Embedding, EncoderClient, ImageToEmbed, preprocessing_of
from sketchzoo.images import PREPROCESSING_VERSION, Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.rpc import ChannelSettings
from tests.artefacts import picture
from tests.unit.sketchzoo.pictures import drawing, saved


@pytest.mark.parametrize("seen_from", [1e-6, None])
async def test_what_is_seen_comes_with_a_photos_embedding(seen_from: float | None) -> None:
    """With its confidence, from the model's threshold on; never with a sketch's."""
    artefact = replace(ModelArtefact.load("zoo-1"), seen_from=seen_from)
    settings = EncoderSettings(port=0, metrics_port=None, threads_alone=1)
    async with (
        serving(settings, artefact, open_runtime(settings, artefact)) as addresses,
        EncoderClient(ChannelSettings(f"127.0.0.1:{addresses.port}")) as client,
    ):
        images = [
            ImageToEmbed(picture(), Modality.PHOTO),
            ImageToEmbed(saved("PNG", drawing()), Modality.SKETCH),
        ]
        photo, sketch = (await client.embed(images, 30)).outcomes
    assert isinstance(photo, Embedding)
    assert isinstance(sketch, Embedding)
    assert sketch.seen is None
    if seen_from is None:
        assert photo.seen is None
    else:
        assert photo.seen is not None
        assert photo.seen.class_name in artefact.notes["shared_classes"]
        assert 0 < photo.seen.confidence <= 1


@pytest.mark.parametrize(
    "message",
    [
        pb.Preprocessing(),
        pb.Preprocessing(size=224, fit="crop", keep=1, channels=3, version=999),
        pb.Preprocessing(size=224, fit="tiles", keep=1, channels=3, version=PREPROCESSING_VERSION),
        pb.Preprocessing(size=1, fit="crop", keep=1, channels=3, version=PREPROCESSING_VERSION),
        pb.Preprocessing(size=224, fit="crop", keep=1, channels=7, version=PREPROCESSING_VERSION),
    ],
)
def test_a_preprocessing_of_another_release_is_unknown(message: pb.Preprocessing) -> None:
    """Then images are sent as they are, which is never wrong."""
    assert preprocessing_of(message) is None
