"""A fake encoder, over a real socket: embeddings are made up of what is sent."""

import asyncio
import math
import random
import struct
from typing import Any

from google.protobuf.duration_pb2 import Duration

from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.parts import CLASS, GENERAL, SHAPE, Emphasis, Focus, Layout, Part
from sketchzoo.rpc import (
    CallError,
    invalid,
    unimplemented,
)

DIMENSION = 8
PARTS = Layout(
    (Part(CLASS, 3, 0.5), Part(GENERAL, 2, 0.25), Part(SHAPE, 3, 0.25)),
    {
        Focus.BOTH: Emphasis((1, 1, 1), 0.625),
        Focus.SUBJECT: Emphasis((1, 0.5, 0), 0.75),
        Focus.SHAPE: Emphasis((0, 0.5, 1), 0.55),
    },
    Focus.BOTH,
)
"""What a fake encoder of three parts tells of its embeddings."""


def embedding_of(content: bytes, fingerprint: str) -> tuple[float, ...]:
    """Make up an embedding: the same for the same content and model."""
    made = random.Random(content + fingerprint.encode())
    values = [made.gauss(0, 1) for _ in range(DIMENSION)]
    length = math.hypot(*values)
    packed = struct.pack(f"<{DIMENSION}f", *(value / length for value in values))
    return struct.unpack(f"<{DIMENSION}f", packed)


def text_of(text: str, tower: str) -> tuple[float, ...]:
    """Make up a text's embedding, whose values beyond the class part are 0."""
    named = embedding_of(text.encode(), tower)[:3]
    return *(value / math.hypot(*named) for value in named), 0, 0, 0, 0, 0


class FakeEncoder(encoder_pb2_grpc.EncoderServiceServicer):
    """Embeds anything but what starts with `bad`; counts and delays as the test wants.

    With a `layout` it tells parts and focuses, with `text`, a tower's fingerprint, it takes texts.
    """

    def __init__(self) -> None:
        self.fingerprint = "model-a"
        self.dimension = DIMENSION
        self.layout: Layout | None = None
        self.text = ""
        self.texts: list[str] = []
        self.seconds = 0.0
        self.error: CallError | None = None
        self.embedded: list[bytes] = []
        self.modalities: list[int] = []
        self.calls = 0
        self.cancelled = 0
        self.running = 0
        self.timeouts: list[float] = []
        self.request_ids: list[str] = []

    async def Embed(self, request: Any, context: Any) -> encoder_pb2.EmbedResponse:  # noqa: N802
        self.calls += 1
        self.running += 1
        self.timeouts.append(context.time_remaining())
        self.request_ids.append(dict(context.invocation_metadata()).get("x-request-id", ""))
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        results = []
        for index, image in enumerate(request.images):
            self.embedded.append(image.content)
            self.modalities.append(image.modality)
            if image.content.startswith(b"bad"):
                status = invalid(f"images[{index}].content", "is not an image").status()
                results.append(encoder_pb2.EmbedResult(status=status))
                continue
            vector = embedding_of(image.content, self.fingerprint)
            embedding = encoder_pb2.Embedding(
                vector=struct.pack(f"<{len(vector)}f", *vector), dimension=len(vector)
            )
            results.append(encoder_pb2.EmbedResult(embedding=embedding))
        return encoder_pb2.EmbedResponse(
            results=results,
            text_results=[self._told(*each) for each in enumerate(request.texts)],
            model_fingerprint=self.fingerprint,
            timings=encoder_pb2.EmbedTimings(
                decode=Duration(nanos=1_000_000),
                queue=Duration(nanos=2_000_000),
                encode=Duration(nanos=3_000_000),
            ),
        )

    async def GetModel(self, request: Any, context: Any) -> encoder_pb2.GetModelResponse:  # noqa: N802
        if self.error is not None:
            raise self.error
        told = encoder_pb2.GetModelResponse(
            name="fake", fingerprint=self.fingerprint, dimension=self.dimension, min_score=0.625
        )
        if self.layout is not None:
            for part in self.layout.parts:
                told.parts.add(name=part.name, size=part.size, weight=part.weight)
            for focus, does in self.layout.in_order():
                told.focuses.add(name=focus, factors=does.factors, min_score=does.min_score)
        if self.text:
            told.text.fingerprint, told.text.min_score = self.text, 0.6875
        return told

    def _told(self, index: int, text: str) -> encoder_pb2.EmbedResult:
        """Embed a text: of three parts it speaks of the class alone."""
        self.texts.append(text)
        result = encoder_pb2.EmbedResult()
        if text.startswith("bad"):
            result.status.CopyFrom(invalid(f"texts[{index}]", "is no text").status())
        elif not self.text:
            result.status.CopyFrom(unimplemented("NO_TEXT_TOWER", "is not for me").status())
        else:
            result.embedding.vector = struct.pack(f"<{DIMENSION}f", *text_of(text, self.text))
            result.embedding.dimension = DIMENSION
        return result
