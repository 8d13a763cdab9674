"""Mapping: reads a gallery's embeddings from Qdrant and writes its map."""

import time
from collections.abc import Sequence
from pathlib import Path

import grpc
import numpy as np
import numpy.typing as npt
import structlog

from live_demo.gallery_map import GalleryMap
from live_demo.layout import judge, lay_out, principal_axes, reduce
from live_demo.settings import MapSettings
from sketchzoo.cli.status import AWAY, REFUSED
from sketchzoo.qdrant import PhotoReader, connect
from sketchzoo.rpc import CallError
from sketchzoo.running import described

log = structlog.get_logger()

# What most of the embeddings' spread lies in; a query is placed by as many products a photo.
_AXES = 32


async def make(settings: MapSettings, out: Path) -> int:
    """Write the map of the gallery that the alias names; return the exit status."""
    connection = connect(settings)
    ids: list[str] = []
    names: list[str] = []
    vectors: list[npt.NDArray[np.float32]] = []
    try:
        reader = PhotoReader(connection, settings.gallery)
        gallery = await reader.current()
        # They come in the order of their ids, which are hashes: the first are a fair sample,
        # and no more of a large gallery is read.
        async for photo, vector in reader.embeddings(gallery.collection):
            ids.append(photo.id)
            # Where nobody named it, what the model sees; "" where it is not sure.
            names.append(photo.class_name or (photo.seen.class_name if photo.seen else ""))
            vectors.append(np.asarray(vector, dtype=np.float32))
            if len(ids) == settings.photos:
                break
    except CallError as error:
        log.error("no map made", error=str(error))  # noqa: TRY400 - Qdrant's, not ours
        return AWAY if error.code is grpc.StatusCode.UNAVAILABLE else REFUSED
    finally:
        await connection.close()
    if not ids:
        log.error("no map made", error=f"{gallery.collection} holds no photo: ingest some first")
        return REFUSED
    made = map_of(gallery.fingerprint, ids, names, np.stack(vectors), settings)
    made.save(out)
    of = described(settings.qdrant_url)
    log.info("map written", path=str(out), qdrant=of, photos=len(ids), classes=len(made.classes))
    return 0


def map_of(
    fingerprint: str,
    ids: Sequence[str],
    names: Sequence[str],
    embeddings: npt.NDArray[np.float32],
    settings: MapSettings,
) -> GalleryMap:
    """Lay photos out by their embeddings (n, d)."""
    start = time.perf_counter()
    mean, axes = principal_axes(embeddings, _AXES)
    reduced = reduce(embeddings, mean, axes)
    plane = lay_out(reduced, settings.neighbours, settings.epochs, settings.seed)
    seconds = round(time.perf_counter() - start, 2)
    trusted = round(judge(reduced, plane), 3)
    log.info("laid out", photos=len(ids), seconds=seconds, trustworthiness=trusted)
    classes, class_of = np.unique(names, return_inverse=True)
    return GalleryMap(
        fingerprint=fingerprint,
        mean=mean,
        axes=axes,
        reduced=reduced,
        plane=plane,
        classes=tuple(classes.tolist()),
        class_of=class_of.astype(np.uint16),
        ids=tuple(ids),
    )
