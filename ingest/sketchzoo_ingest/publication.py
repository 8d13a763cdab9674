"""Publication: at a run's end searches see its collection, where nothing withholds it."""

from collections.abc import Mapping
from functools import partial

import structlog

from sketchzoo.qdrant import PhotoWriter
from sketchzoo_ingest.collection import PART
from sketchzoo_ingest.outcome import Outcome
from sketchzoo_ingest.retry import RetryPolicy

log = structlog.get_logger()


def withheld(outcomes: Mapping[Outcome, int], max_bad: float) -> str:
    """Return why a run with these outcomes may neither prune nor publish; empty where it may."""
    settled = sum(outcomes.values())
    if not settled:
        return "no photo was found"
    refused = outcomes.get(Outcome.REFUSED, 0)
    if refused / settled > max_bad:
        return (
            f"{refused} of {settled} photos were refused, more than the share of {max_bad:g} "
            "that --max-bad allows: nothing was pruned or published"
        )
    return ""


async def publish(
    writer: PhotoWriter, alias: str, collection: str, retry: RetryPolicy, *, published: str = ""
) -> str | None:
    """Let the alias name the collection; return what it named before, None where nothing moved.

    Where it was `published` by an earlier run of the same watch and the alias names another one
    since, somebody wanted it so.

    Raises:
        CallError: Qdrant stayed away.

    """
    before = await retry.call(PART, writer.published)
    if before == collection:
        return None
    if before is not None and collection == published:
        log.warning("searches see another collection since", collection=collection, see=before)
        return None
    count = await retry.call(PART, partial(writer.count, collection))
    if before is not None:
        had = await retry.call(PART, partial(writer.count, before))
        if count < had:
            # It may be meant; whoever ingested only one of several folders will want to know.
            log.warning("fewer photos than before", photos=count, before=had, replaced=before)
    await retry.call(PART, partial(writer.publish, collection))
    log.info("published", alias=alias, collection=collection, photos=count)
    return before or ""
