"""A gallery as a table that ingest takes: where each photo lies, and what people know of it.

By it a gallery is embedded anew by another model, the photos that the gallery service keeps
among them, with their classes, stars and columns.
"""

import csv
import io
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, BinaryIO

from sketchzoo.payload import read_payload
from sketchzoo.qdrant import NAMED, RESERVED, PhotoReader, QdrantConnection
from sketchzoo.qdrant.copying import CollectionEnd, PointId
from sketchzoo_ingest.retry import RetryPolicy

PART = "Qdrant"
# What ingest reads from the file itself is not told again: it may learn to read more of it.
_SAID = ("uri", *sorted(NAMED - {"location", "taken_at", "camera"}))


class GalleryTable:
    """Reads a gallery twice: which columns there are, then every photo."""

    def __init__(self, connection: QdrantConnection, gallery: str, retry: RetryPolicy) -> None:
        self._connection = connection
        self._gallery = gallery
        self._retry = retry

    async def write(self, file: BinaryIO) -> int:
        """Write the table as CSV; return how many photos it has.

        Raises:
            CallError: FAILED_PRECONDITION, there is no such gallery; Qdrant stayed away.

        """
        current = await self._retry.call(PART, PhotoReader(self._connection, self._gallery).current)
        end = CollectionEnd(self._connection, current.collection)
        own: set[str] = set()
        async for payload in self._payloads(end):
            own |= payload.keys() - RESERVED
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        rows = csv.DictWriter(text, (*_SAID, *sorted(own)), extrasaction="ignore")
        rows.writeheader()
        photos = 0
        async for payload in self._payloads(end):
            # Of one without a folder, ingest would take where it lies in the store.
            told = {"folder": "/", **payload}
            rows.writerow({name: _cell(value) for name, value in told.items()})
            photos += 1
        text.detach()
        return photos

    async def _payloads(self, end: CollectionEnd) -> AsyncIterator[dict[str, Any]]:
        after: PointId | None = None
        while True:
            page = await self._retry.call(PART, partial(end.page, after, payload=True))
            for point in page.points:
                yield read_payload(point.payload)
            if page.next is None:
                return
            after = page.next


def _cell(value: Any) -> Any:
    """Return a value as ingest reads it from a table; lists are told as JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
