"""Pruning: photos whose files are gone from the folders ingested are deleted."""

from collections.abc import Callable, Sequence
from functools import partial

import structlog

from ingest.collection import PART
from ingest.patience import Patience
from ingest.sources import Source
from ingest.tally import Tally
from sketchzoo.photos import PhotoWriter

log = structlog.get_logger()
_BATCH = 1000


def prunable(sources: Sequence[Source], tally: Tally) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the roots that may be pruned, and why the other sources may not.

    A folder in which nothing was found is more likely a disk that is not mounted than
    a gallery that was emptied.
    """
    roots: list[str] = []
    skipped: dict[str, str] = {}
    for source in sources:
        if source.root is None:
            skipped[source.name] = "a manifest does not say which photos were in it once"
        elif not tally.listed[source.name]:
            skipped[source.name] = "nothing was found in it"
        else:
            roots.append(source.root)
    return tuple(roots), skipped


async def prune(
    writer: PhotoWriter,
    collection: str,
    *,
    roots: Sequence[str],
    has_seen: Callable[[str], bool],
    tally: Tally,
    patience: Patience,
    dry_run: bool,
) -> int:
    """Delete the photos below `roots` that this run did not see; return how many.

    What was refused this time is spared: its file is there, or may be again.

    Raises:
        CallError: Qdrant stayed away.

    """
    gone: list[str] = []
    async for photo in writer.scroll(collection):
        below = photo.uri.startswith(tuple(roots))
        if below and not has_seen(photo.sha256) and not tally.spares(photo.uri):
            gone.append(photo.id)
            log.info("gone", uri=photo.uri, photo_id=photo.id, dry_run=dry_run)
    if not dry_run:
        for start in range(0, len(gone), _BATCH):
            ids = gone[start : start + _BATCH]
            await patience.persist(PART, partial(writer.delete, collection, ids))
    return len(gone)
