"""Evaluation through the running search service, by its gRPC contract.

Every sketch is searched for with `exact` and without a filter or a least score, page by
page until the gallery ends. A first search with payloads tells which photo each id
stands for, by its content's SHA-256.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sketchzoo.client import (
    AsyncClient,
    InvalidRequest,
    SearchError,
    SearchResult,
    Unavailable,
)
from sketchzoo.images import ImageError
from sketchzoo.parts import Focus
from sketchzoo.rpc.channel import ChannelSettings
from sketchzoo_training.data import ImageFile, LeftOut
from sketchzoo_training.errors import DataError, ServiceAwayError, ServiceError
from sketchzoo_training.evaluate.evaluation import Evaluation, answerable, evaluate_rankings
from sketchzoo_training.evaluate.ranking import Rankings

PAGE = 1000
_NAMES: Mapping[Focus, Literal["subject", "both", "shape"]] = {
    Focus.SUBJECT: "subject",
    Focus.BOTH: "both",
    Focus.SHAPE: "shape",
}


@dataclass(frozen=True, slots=True)
class Through:
    """How to ask the service: the channel, each call's deadline, how many at once, what focus."""

    channel: ChannelSettings
    deadline_seconds: float = 30.0
    concurrency: int = 2
    focus: Focus | None = None

    def __post_init__(self) -> None:
        if self.deadline_seconds <= 0:
            raise ValueError(f"deadline_seconds must be above 0, not {self.deadline_seconds}")
        if self.concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {self.concurrency}")


@dataclass(slots=True)
class Answered:
    """What the service said of itself while it was asked."""

    evaluation: Evaluation
    fingerprint: str
    passed_over: int = field(default=0)


def evaluate_through(
    through: Through,
    gallery: Sequence[ImageFile],
    queries: Sequence[ImageFile],
    *,
    advance: Callable[[], Any] = lambda: None,
) -> Answered:
    """Rank the gallery by the service for every sketch and measure it.

    Photos of the service's that are not in `gallery` are passed over, so a split can be
    measured where all of a folder was ingested.

    Raises:
        DataError: a photo of `gallery` is not in the service's, or nothing to measure.
        ServiceError: the service failed, is away or has no photos.

    """
    return asyncio.run(_evaluate(through, gallery, queries, advance))


async def _evaluate(
    through: Through,
    gallery: Sequence[ImageFile],
    queries: Sequence[ImageFile],
    advance: Callable[[], Any],
) -> Answered:
    queries, skipped = answerable(gallery, queries)
    channel, token = through.channel, through.channel.token
    async with AsyncClient(
        channel.target,
        token=None if token is None else token.get_secret_value(),
        tls=channel.tls,
        timeout=through.deadline_seconds,
    ) as client:
        service = _Service(client, through)
        sketches: list[tuple[ImageFile, bytes]] = []
        refused: list[tuple[ImageFile, str]] = []
        for query in queries:
            try:
                sketches.append((query, query.content()))
            except (OSError, DataError):
                refused.append((query, "unreadable"))
        known, fingerprint = await service.photos([content for _, content in sketches])
        photos, index, left_out = _match(gallery, known)
        gate = asyncio.Semaphore(through.concurrency)

        async def ranked(content: bytes) -> npt.NDArray[np.float32] | str:
            async with gate:
                try:
                    cosines = await service.cosines(content)
                except _RefusedError as error:
                    return error.reason
                finally:
                    advance()
            # A photo that is in no answer has nan, and is told below.
            return np.array([cosines.get(photo_id, np.nan) for photo_id in index], np.float32)

        rows = await asyncio.gather(*(ranked(content) for _, content in sketches))
    kept: list[ImageFile] = []
    scores: list[npt.NDArray[np.float32]] = []
    for (query, _), row in zip(sketches, rows, strict=True):
        if isinstance(row, str):
            refused.append((query, row))
            continue
        if np.isnan(row).any():
            ranked_photos = int((~np.isnan(row)).sum())
            raise ServiceError(f"{query.path}: {ranked_photos} of {len(photos)} photos were ranked")
        kept.append(query)
        scores.append(row)
    evaluation = evaluate_rankings(
        photos,
        kept,
        Rankings.of_scores(np.stack(scores) if scores else np.zeros((0, len(photos)), np.float32)),
        left_out + LeftOut(tuple(refused)) + skipped,
    )
    return Answered(evaluation, fingerprint, len(known) - len(index))


class _RefusedError(Exception):
    """The service refused a sketch as an image."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Service:
    """The search service, asked for whole rankings."""

    def __init__(self, client: AsyncClient, through: Through) -> None:
        self._client = client
        self._target = through.channel.target
        self._focus = None if through.focus is None else _NAMES[through.focus]

    async def cosines(self, content: bytes) -> dict[str, float]:
        """Return each photo's cosine by its id."""
        pages = await self._pages(content)
        return {hit.photo_id: 2 * hit.score - 1 for page in pages for hit in page.hits}

    async def photos(self, contents: Sequence[bytes]) -> tuple[Mapping[str, str], str]:
        """Return each photo's SHA-256 by its id, and the model's fingerprint."""
        for content in contents:
            try:
                pages = await self._pages(content, payload=True)
            except _RefusedError:
                continue  # a damaged sketch cannot list the photos; the next one may
            known = {
                hit.photo_id: str(hit.payload["sha256"]) for page in pages for hit in page.hits
            }
            if not known:
                raise ServiceError(f"{self._target} has no photos: ingest first")
            return known, pages[0].model_fingerprint
        raise DataError("no query is an image that the service takes")

    async def _pages(self, content: bytes, *, payload: bool = False) -> list[SearchResult]:
        pages = self._client.pages(
            content, limit=PAGE, exact=True, include_payload=payload, focus=self._focus
        )
        try:
            return [page async for page in pages]
        except InvalidRequest as error:
            raise _RefusedError("refused_by_service") from error
        except Unavailable as error:
            raise ServiceAwayError(f"{self._target} cannot be reached: {error}") from error
        except SearchError as error:
            raise ServiceError(f"{self._target} answered {error.code}: {error}") from error


def _match(
    gallery: Sequence[ImageFile], known: Mapping[str, str]
) -> tuple[list[ImageFile], dict[str, int], LeftOut]:
    """Find each photo among the service's; returns photos, index by id, what was left out."""
    ids = {sha256: photo_id for photo_id, sha256 in known.items()}
    photos: list[ImageFile] = []
    index: dict[str, int] = {}
    left_out: list[tuple[ImageFile, str]] = []
    missing: list[ImageFile] = []
    for file in gallery:
        try:
            photo_id = ids.get(hashlib.sha256(file.content()).hexdigest())
        except (OSError, DataError):
            left_out.append((file, "unreadable"))
            continue
        if photo_id is None:
            missing.append(file)
        elif photo_id in index:
            left_out.append((file, "duplicate"))
        else:
            index[photo_id] = len(photos)
            photos.append(file)
    for file in list(missing):
        try:
            file.load()
        except ImageError as error:
            missing.remove(file)
            left_out.append((file, error.reason))
    if missing:
        raise DataError(
            f"the service lacks {len(missing)} of {len(gallery)} photos, "
            f"for instance {missing[0].path}: ingest the same folders first"
        )
    return photos, index, LeftOut(tuple(left_out))
