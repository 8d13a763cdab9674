"""Pruning: photos whose files are gone from the folders ingested are deleted."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from sketchzoo.qdrant import Photo, PhotoWriter
from sketchzoo_ingest.collection import PART
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.sources import Source
from sketchzoo_ingest.survey import Spared, Survey

log = structlog.get_logger()
_BATCH = 1000
NOTHING_FOUND = "nothing was found in it"


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many photos were deleted, and how many stay for which reason."""

    photos: int = 0
    spared: Mapping[Spared, int] = field(default_factory=dict)


def skipped(sources: Sequence[Source], survey: Survey) -> dict[str, str]:
    """Return why sources cannot be pruned, by name.

    A folder in which nothing was found is more likely a disk that is not mounted than
    a gallery that was emptied.
    """
    reasons: dict[str, str] = {}
    for source in sources:
        if source.root is None:
            reasons[source.name] = "a manifest does not say which photos were in it once"
        elif not survey.has_read(source.root):
            reasons[source.name] = NOTHING_FOUND
    return reasons


async def prune(
    writer: PhotoWriter,
    collection: str,
    *,
    roots: Sequence[str],
    has_seen: Callable[[str], bool],
    survey: Survey,
    emptied: bool,
    withheld: str,
    retry: RetryPolicy,
    dry_run: bool,
) -> Pruned:
    """Delete the photos below `roots` that this run did not see and whose places it read.

    With `emptied`, also those of classes and folders in which no photo is left. `withheld`
    says why the run may delete nothing, if so: what is missing is then counted alone.

    Raises:
        CallError: Qdrant stayed away.

    """
    gone: list[Photo] = []
    spared: Counter[Spared] = Counter()
    async for photo in writer.scroll(collection):
        above = [root for root in roots if photo.uri.startswith(root)]
        if not above or has_seen(photo.sha256):
            continue
        reasons = [spared_by(survey, photo.uri, root, emptied=emptied) for root in above]
        if withheld:
            reasons.append(Spared(above[0], withheld))
        if (reason := next(filter(None, reasons), None)) is not None:
            spared[reason] += 1
            continue
        gone.append(photo)
        log.info("gone", uri=photo.uri, photo_id=photo.id, dry_run=dry_run)
    for reason, photos in spared.items():
        log.info("spared", place=reason.place, reason=reason.why, photos=photos)
    if not dry_run:
        for start in range(0, len(gone), _BATCH):
            # One that was added from elsewhere meanwhile stays.
            batch = gone[start : start + _BATCH]
            await retry.call(PART, partial(writer.delete_at, collection, batch))
    return Pruned(len(gone), spared)


def spared_by(survey: Survey, uri: str, root: str, *, emptied: bool) -> Spared | None:
    """Return why a photo below `root` that was not met stays; None where it is gone."""
    if not survey.has_read(root):
        return survey.spares(uri, root, emptied=True) or Spared(root, NOTHING_FOUND)
    return survey.spares(uri, root, emptied=emptied)
