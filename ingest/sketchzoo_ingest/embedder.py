"""The embedder: photos to the encoder, and one by one where a batch fails as a whole."""

import io
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from typing import Protocol

import grpc
import structlog
from PIL import Image

from sketchzoo.rpc import CallError
from sketchzoo_ingest.encoder import PART, Model, Vector
from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.patience import Patience, is_too_large

log = structlog.get_logger()
Results = list[Vector | RefusedError]


class Embeds(Protocol):
    """What can embed photos: an encoder."""

    async def embed(self, model: Model, contents: Sequence[bytes]) -> Results:
        """Return each photo's embedding, or why it has none, in order."""


class Embedder:
    """Embeds photos, however one of them behaves.

    A batch that passes its deadline, or is too large for the encoder, may have one photo
    to blame: each is then sent alone, and what fails again is refused. That an encoder
    which does not answer at all refuses a whole gallery is ruled out by a picture of one
    colour, which must be embedded before a photo is blamed.
    """

    def __init__(self, encoder: Embeds, model: Model, patience: Patience) -> None:
        self._encoder = encoder
        self._model = model
        self._patience = patience

    async def embed(self, contents: Sequence[bytes]) -> Results:
        """Return each photo's embedding, or why it has none, in order.

        Raises:
            CallError: the encoder stayed away or refused.

        """
        try:
            return await self._call(contents)
        except CallError as error:
            if not _may_be_a_photos(error):
                raise
            log.warning("sending photos one by one", photos=len(contents), error=str(error))
        await self._probe()
        return [await self._alone(content) for content in contents]

    async def _alone(self, content: bytes) -> Vector | RefusedError:
        try:
            [result] = await self._call([content])
        except CallError as error:
            if not _may_be_a_photos(error):
                raise
            await self._probe()
            if is_too_large(error):
                return RefusedError(
                    Reason.TOO_LARGE, f"has {len(content)} bytes, more than the encoder takes"
                )
            return RefusedError(
                Reason.TOO_SLOW, "was not embedded within the deadline, alone and with others"
            )
        return result

    async def _call(self, contents: Sequence[bytes]) -> Results:
        return await self._patience.persist(
            PART, self._embedding(contents), final=(grpc.StatusCode.DEADLINE_EXCEEDED,)
        )

    async def _probe(self) -> None:
        """Return when the encoder embeds a picture that is no work at all."""
        await self._patience.persist(PART, self._embedding([_plain_picture()]))

    def _embedding(self, contents: Sequence[bytes]) -> Callable[[], Awaitable[Results]]:
        return partial(self._encoder.embed, self._model, contents)


def _may_be_a_photos(error: CallError) -> bool:
    return error.code is grpc.StatusCode.DEADLINE_EXCEEDED or is_too_large(error)


@cache
def _plain_picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "white").save(file, "PNG")
    return file.getvalue()
