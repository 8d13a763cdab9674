"""The encoders: whom search asks for embeddings, and which model each of them serves.

A gallery's searches ask the encoder whose model has made it. So a new model comes without a gap:
its encoder stands beside the old one's before the alias moves
(docs/adr/0094-searches-ask-the-encoder-that-fits.md).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from search_service.metrics import SearchMetrics
from search_service.watched import Watched
from sketchzoo.encoder_client import PART, EncoderClient, EncoderModel
from sketchzoo.qdrant import Gallery
from sketchzoo.rpc import CallError, precondition

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers searches: a gallery, the model that made it, and an encoder that serves it."""

    gallery: Gallery
    model: EncoderModel
    encoder: EncoderClient


class Encoders:
    """Encoders by their targets, and the models that they were seen to serve.

    The first is the service's own, which is always to be there. Others may come and go: they are
    of no concern to galleries that they do not fit.
    """

    def __init__(self, clients: Mapping[str, EncoderClient], metrics: SearchMetrics) -> None:
        """Watch at least one."""
        self._clients = clients
        self._metrics = metrics
        several = len(clients) > 1
        self._models: dict[str, Watched[EncoderModel]] = {
            target: Watched(f"{PART} {target}" if several else PART) for target in clients
        }

    async def close(self) -> None:
        """Close their connections; calls under way are cancelled."""
        for client in self._clients.values():
            await client.close()

    async def ask(self, timeout_seconds: float) -> list[EncoderModel | BaseException]:
        """Ask each for its model; returns what `take` takes."""
        asking = (client.model(timeout_seconds) for client in self._clients.values())
        return await asyncio.gather(*asking, return_exceptions=True)

    def take(self, answers: list[EncoderModel | BaseException]) -> None:
        """Go by what they have answered from here on."""
        for (target, watched), answer in zip(self._models.items(), answers, strict=True):
            before = watched.seen
            watched.take(answer)
            self._metrics.encoder(target, ready=isinstance(watched.seen, EncoderModel))
            if _text(watched.seen) != _text(before):
                log.info("encoder", target=target, **_told(watched.seen))

    def serving(self, gallery: Gallery) -> Serving:
        """Return what answers a gallery's searches.

        Raises:
            CallError: UNAVAILABLE, the encoder that fits is away, or none fits and the service's
                own is away; FAILED_PRECONDITION, another model made the gallery.

        """
        away: list[CallError] = []
        for target, watched in self._models.items():
            model = watched.seen
            if isinstance(model, EncoderModel):
                if model.fingerprint == gallery.fingerprint:
                    _check_dimension(gallery, model)
                    return Serving(gallery, model, self._clients[target])
            elif watched.known and watched.known.fingerprint == gallery.fingerprint:
                away.append(model)
        own = next(iter(self._models.values())).seen
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
        known = (watched.known for watched in self._models.values())
        fits = (model for model in known if model and model.fingerprint == gallery.fingerprint)
        return next(fits, None)

    def _served(self) -> str:
        """Tell what each encoder serves."""
        several = len(self._models) > 1
        return " and ".join(
            f"the encoder{f' {target}' if several else ''} "
            + (
                "is away"
                if isinstance(watched.seen, CallError)
                else f"serves {watched.seen.name} ({watched.seen.fingerprint})"
            )
            for target, watched in self._models.items()
        )


def _check_dimension(gallery: Gallery, model: EncoderModel) -> None:
    if model.dimension != gallery.dimension:
        raise precondition(
            "MODEL_MISMATCH",
            f"the gallery {gallery.collection} holds embeddings of {gallery.dimension} values, "
            f"the encoder makes {model.dimension}: ingest anew",
        )


def _text(seen: EncoderModel | CallError) -> str:
    return str(seen) if isinstance(seen, CallError) else seen.fingerprint


def _told(seen: EncoderModel | CallError) -> dict[str, str]:
    if isinstance(seen, CallError):
        return {"problem": str(seen)}
    return {"model": seen.name, "fingerprint": seen.fingerprint}
