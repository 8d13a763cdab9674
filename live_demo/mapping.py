"""Mapping: reads a gallery's embeddings from Qdrant and writes its map."""

import time
from pathlib import Path

import grpc
import numpy as np
import structlog

from live_demo.gallery_map import Placed
from live_demo.layout import Axes, kept, lay_out
from live_demo.settings import MapSettings
from sketchzoo.cli.running import described
from sketchzoo.cli.status import AWAY, REFUSED
from sketchzoo.qdrant import PhotoReader, connect
from sketchzoo.rpc import CallError

log = structlog.get_logger()

# What most of the embeddings' spread lies in; a query is placed by as many products a photo.
_AXES = 32


async def make(settings: MapSettings, out: Path) -> int:
    """Write the map of the gallery that the alias names; return the exit status."""
    connection = connect(settings)
    try:
        reader = PhotoReader(connection, settings.alias)
        gallery = await reader.current()
        ids, names, vectors = [], [], []
        async for photo, vector in reader.embeddings(gallery.collection):
            ids.append(photo.id)
            names.append(photo.class_name)
            vectors.append(np.asarray(vector, dtype=np.float32))
    except CallError as error:
        log.error("no map made", error=str(error))  # noqa: TRY400 - Qdrant's, not ours
        return AWAY if error.code is grpc.StatusCode.UNAVAILABLE else REFUSED
    finally:
        await connection.close()
    if not ids:
        log.error("no map made", error=f"{gallery.collection} holds no photo: ingest some first")
        return REFUSED
    every = -(-len(ids) // settings.photos)
    placed = place(gallery.fingerprint, ids[::every], names[::every], vectors[::every], settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    placed.save(out)
    of = described(settings.qdrant_url)
    log.info(
        "map written", path=str(out), qdrant=of, photos=len(placed.ids), classes=len(placed.classes)
    )
    return 0


def place(
    fingerprint: str,
    ids: list[str],
    names: list[str],
    vectors: list[np.ndarray[tuple[int], np.dtype[np.float32]]],
    settings: MapSettings,
) -> Placed:
    """Lay photos out by their embeddings."""
    start = time.perf_counter()
    embeddings = np.stack(vectors)
    classes = sorted(set(names))
    axes = Axes.of(embeddings, min(_AXES, embeddings.shape[1]))
    reduced = axes.reduce(embeddings)
    plane = lay_out(reduced, settings.neighbours, settings.epochs, settings.seed)
    log.info(
        "laid out",
        photos=len(ids),
        seconds=round(time.perf_counter() - start, 2),
        neighbours_kept=round(kept(reduced, plane), 3),
    )
    index = {name: number for number, name in enumerate(classes)}
    return Placed(
        fingerprint=fingerprint,
        mean=axes.mean,
        axes=axes.axes,
        reduced=reduced,
        plane=plane,
        classes=tuple(classes),
        class_of=np.asarray([index[name] for name in names], dtype=np.uint16),
        ids=tuple(ids),
    )
