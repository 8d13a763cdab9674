"""The encoders: whom search asks for embeddings, and which model each of them serves.

A gallery's searches ask the encoder whose model has made it. So a new model comes without a gap:
its encoder stands beside the old one's before the alias moves
(docs/adr/0094-searches-ask-the-encoder-that-fits.md).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
import structlog

from search_service.metrics import SearchMetrics
from search_service.watched import Watched
from sketchzoo.encoder_client import PART, EncoderClient, EncoderModel
from sketchzoo.qdrant import Gallery
from sketchzoo.rpc import CallError, precondition

log = structlog.get_logger()

# gRPC asks up to two minutes later for the address of a name that had none for long, as that of
# an encoder that is yet to be started: a new channel asks at once.
_REOPEN_SECONDS = 5.0
# One that was away holds up the look at the others no longer than this.
_ABSENT_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers searches: a gallery, the model that made it, and an encoder that serves it."""

    gallery: Gallery
    model: EncoderModel
    encoder: EncoderClient


@dataclass(slots=True)
class _Encoder:
    client: EncoderClient
    watched: Watched[EncoderModel]
    unreached_since: float | None = None

    @property
    def is_there(self) -> bool:
        return isinstance(self.watched.seen, EncoderModel)


class Encoders:
    """Encoders by their targets, and the models that they were seen to serve.

    The first is the service's own, which is always to be there. Others may come and go: they are
    of no concern to galleries that they do not fit.
    """

    def __init__(
        self,
        targets: Sequence[str],
        open_client: Callable[[str], EncoderClient],
        metrics: SearchMetrics,
    ) -> None:
        """Hold one for each target, of which there is one at least."""
        self._open = open_client
        self._metrics = metrics
        parts = {each: f"{PART} {each}" if len(targets) > 1 else PART for each in targets}
        self._all = {
            target: _Encoder(open_client(target), Watched(part)) for target, part in parts.items()
        }
        self._own = self._all[targets[0]]

    async def close(self) -> None:
        """Close their connections; calls under way are cancelled."""
        for each in self._all.values():
            await each.client.close()

    async def ask(self, timeout_seconds: float) -> list[EncoderModel | BaseException]:
        """Ask each for its model; returns what `take` takes."""
        await self._reopen()
        brief = min(timeout_seconds, _ABSENT_SECONDS)
        asking = (
            each.client.model(timeout_seconds if each.is_there or each is self._own else brief)
            for each in self._all.values()
        )
        return await asyncio.gather(*asking, return_exceptions=True)

    def take(self, answers: list[EncoderModel | BaseException]) -> None:
        """Go by what they have answered from here on."""
        now = time.monotonic()
        for (target, each), answer in zip(self._all.items(), answers, strict=True):
            before = each.watched.seen
            each.watched.take(answer)
            if not isinstance(answer, CallError) or answer.code is not grpc.StatusCode.UNAVAILABLE:
                each.unreached_since = None
            elif each.unreached_since is None:
                each.unreached_since = now
            self._metrics.encoder(target, ready=each.is_there)
            if _state(each.watched.seen) != _state(before):
                log.info("encoder", target=target, **_told(each.watched.seen))

    async def _reopen(self) -> None:
        now = time.monotonic()
        for target, each in self._all.items():
            since = each.unreached_since
            if since is not None and now - since >= _REOPEN_SECONDS:
                # Nothing is under way there: searches have not been given it for as long.
                old, each.client, each.unreached_since = each.client, self._open(target), now
                await old.close()

    def serving(self, gallery: Gallery) -> Serving:
        """Return what answers a gallery's searches.

        Raises:
            CallError: UNAVAILABLE, the encoder that fits is away, or none fits and the service's
                own is away; FAILED_PRECONDITION, another model made the gallery.

        """
        away: list[CallError] = []
        for each in self._all.values():
            model, known = each.watched.seen, each.watched.known
            if isinstance(model, EncoderModel):
                if model.fingerprint == gallery.fingerprint:
                    _check_dimension(gallery, model)
                    return Serving(gallery, model, each.client)
            elif known is not None and known.fingerprint == gallery.fingerprint:
                away.append(model)
        own = self._own.watched.seen
        if isinstance(own, CallError):
            # Nobody knows what it will serve when it is back.
            away.append(own)
        if away:
            raise away[0].again()
        raise precondition(
            "MODEL_MISMATCH",
            f"the gallery {gallery.collection} was built by the model {gallery.fingerprint}, "
            f"{self._served()}: ingest with it, or serve the other",
        )

    def model_of(self, gallery: Gallery) -> EncoderModel | None:
        """Return the model that made a gallery, if an encoder has served it of late."""
        known = (each.watched.known for each in self._all.values())
        fits = (model for model in known if model and model.fingerprint == gallery.fingerprint)
        return next(fits, None)

    def _served(self) -> str:
        """Tell what each encoder serves."""
        told = []
        for target, each in self._all.items():
            name = f"the encoder {target}" if len(self._all) > 1 else "the encoder"
            model = each.watched.seen
            if isinstance(model, CallError):
                told.append(f"{name} is away")
            else:
                told.append(f"{name} serves {model.name} ({model.fingerprint})")
        return " and ".join(told)


def _check_dimension(gallery: Gallery, model: EncoderModel) -> None:
    if model.dimension != gallery.dimension:
        raise precondition(
            "MODEL_MISMATCH",
            f"the gallery {gallery.collection} holds embeddings of {gallery.dimension} values, "
            f"the encoder makes {model.dimension}: ingest anew",
        )


def _state(seen: EncoderModel | CallError) -> object:
    return seen.code if isinstance(seen, CallError) else seen.fingerprint


def _told(seen: EncoderModel | CallError) -> dict[str, str]:
    if isinstance(seen, CallError):
        return {"problem": str(seen)}
    return {"model": seen.name, "fingerprint": seen.fingerprint}
