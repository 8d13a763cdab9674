"""Embeddings of a data set's images, made by a model artefact with ONNX Runtime."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchzoo.images import ImageError, Modality, decode, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo.onnx import open_session
from sketchzoo_training.data import DataError, ImageFile

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Embedded:
    """Images that could be embedded, each with its unit vector, and those that could not.

    `vectors` is float32 `(files, dimension)`; `sha256` are the hexadecimal digests of the
    files' contents; `left_out` gives for each other file the reason.
    """

    files: tuple[ImageFile, ...]
    vectors: Vectors = field(repr=False)
    sha256: tuple[str, ...] = field(repr=False)
    left_out: tuple[tuple[Path, str], ...] = ()


def default_workers() -> int:
    """One thread a core: ONNX Runtime is fastest with one thread an image."""
    return os.cpu_count() or 1


def embed(
    artefact: ModelArtefact,
    files: Sequence[ImageFile],
    modality: Modality,
    *,
    workers: int | None = None,
    advance: Callable[[], Any] = lambda: None,
) -> Embedded:
    """Embed images one at a time on `workers` threads; `advance` is called after each.

    Damaged files and a content seen before (as ingest does) are left out, with the reason.

    Raises:
        ModelError: the modality's ONNX file is missing or broken.

    """
    session = open_session(artefact.onnx(modality))
    preprocessing = artefact.towers[modality].preprocessing

    def embed_one(file: ImageFile) -> tuple[str, Vectors] | str:
        try:
            content = file.content()
            image = prepare(decode(content), preprocessing)
        except ImageError as error:
            return error.reason
        except (OSError, DataError):
            return "unreadable"
        finally:
            advance()
        (vectors,) = session.run(["embedding"], {"images": image[None]})
        return hashlib.sha256(content).hexdigest(), vectors[0]

    with ThreadPoolExecutor(workers or default_workers()) as pool:
        results = list(pool.map(embed_one, files))
    kept: dict[str, tuple[ImageFile, Vectors]] = {}
    left_out: list[tuple[Path, str]] = []
    for file, result in zip(files, results, strict=True):
        if isinstance(result, str):
            left_out.append((file.path, result))
        elif modality is Modality.PHOTO and result[0] in kept:
            left_out.append((file.path, "duplicate"))
        else:
            # Two equal sketches are two queries; only the gallery knows each content once.
            key = result[0] if modality is Modality.PHOTO else f"{result[0]}/{len(kept)}"
            kept[key] = (file, result[1])
    return Embedded(
        files=tuple(file for file, _ in kept.values()),
        vectors=np.stack([vector for _, vector in kept.values()])
        if kept
        else np.zeros((0, artefact.dimension), np.float32),
        sha256=tuple(key.partition("/")[0] for key in kept),
        left_out=tuple(left_out),
    )


def rank(queries: Vectors, gallery: Vectors, *, chunk: int = 256) -> npt.NDArray[np.int32]:
    """Rank the whole gallery for each query by cosine: int32 `(queries, photos)`, best first.

    Both are unit vectors, one a row. Equal scores keep the gallery's order.
    """
    rankings = np.empty((len(queries), len(gallery)), np.int32)
    for start in range(0, len(queries), chunk):
        scores = queries[start : start + chunk] @ gallery.T
        rankings[start : start + chunk] = np.argsort(-scores, axis=1, kind="stable")
    return rankings
