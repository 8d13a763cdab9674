"""Embeddings of a data set's images, made by a model artefact with ONNX Runtime."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sketchzoo.images import ImageError, Modality, decode, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.onnx import open_session
from sketchzoo.parts import Focus
from sketchzoo_training.data import DataError, ImageFile, LeftOut
from sketchzoo_training.errors import InputError
from sketchzoo_training.evaluate.ranking import Vectors

if TYPE_CHECKING:
    import onnxruntime


@dataclass(frozen=True, slots=True)
class Embedded:
    """Images that could be embedded, each with its unit vector, and those that could not.

    `vectors` is float32 `(files, dimension)`; `sha256` are the hexadecimal digests of the
    files' contents.
    """

    files: tuple[ImageFile, ...]
    vectors: Vectors = field(repr=False)
    sha256: tuple[str, ...] = field(repr=False)
    left_out: LeftOut = field(default_factory=LeftOut)


def default_workers() -> int:
    """One thread a core: ONNX Runtime is fastest with one thread an image."""
    return os.cpu_count() or 1


def infer(session: "onnxruntime.InferenceSession", image: Vectors) -> Vectors:
    """Return one image's embedding, float32 `(dimension,)`; `image` is `(channels, s, s)`.

    Raises:
        ModelError: the network cannot run: it takes other images, or has not enough memory.

    """
    try:
        (vectors,) = session.run(["embedding"], {"images": image[None]})
    except Exception as error:  # its errors share no other base
        raise ModelError(f"ONNX Runtime cannot run the model: {error}") from error
    vector: Vectors = vectors[0]
    return vector


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
        return hashlib.sha256(content).hexdigest(), infer(session, image)

    with ThreadPoolExecutor(workers or default_workers()) as pool:
        results = list(pool.map(embed_one, files))
    kept: list[tuple[ImageFile, str, Vectors]] = []
    left_out: list[tuple[ImageFile, str]] = []
    seen: set[str] = set()
    for file, result in zip(files, results, strict=True):
        if isinstance(result, str):
            left_out.append((file, result))
        elif modality is Modality.PHOTO and result[0] in seen:
            left_out.append((file, "duplicate"))  # two equal sketches, though, are two queries
        else:
            seen.add(result[0])
            kept.append((file, *result))
    return Embedded(
        files=tuple(file for file, _, _ in kept),
        vectors=np.array([vector for *_, vector in kept], np.float32).reshape(
            len(kept), artefact.dimension
        ),
        sha256=tuple(sha256 for _, sha256, _ in kept),
        left_out=LeftOut(tuple(left_out)),
    )


def embed_queries(
    artefact: ModelArtefact,
    files: Sequence[ImageFile],
    focus: Focus | None = None,
    *,
    workers: int | None = None,
    advance: Callable[[], Any] = lambda: None,
) -> Embedded:
    """Embed sketches as queries, after what `focus` says; without one as the model's default does.

    Raises:
        ModelError: the sketches' ONNX file is missing or broken.
        InputError: the model has no such focus.

    """
    check_focus(artefact, focus)
    embedded = embed(artefact, files, Modality.SKETCH, workers=workers, advance=advance)
    return replace(embedded, vectors=focused(artefact, embedded.vectors, focus))


def focused(artefact: ModelArtefact, vectors: Vectors, focus: Focus | None = None) -> Vectors:
    """Return sketches' embeddings `(n, dimension)` as the queries that search makes of them."""
    asked = focus or artefact.layout.default
    if asked is None or not len(vectors):
        return vectors
    return np.stack([artefact.layout.focused(vector, asked) for vector in vectors])


def check_focus(artefact: ModelArtefact, focus: Focus | None) -> None:
    """Refuse a focus that the model does not have.

    Raises:
        InputError: it has none such; the message says which it has.

    """
    known = artefact.layout.focuses
    if focus is not None and focus not in known:
        has = f"it has {', '.join(known)}" if known else "it has none; ask without"
        raise InputError(f"the model {artefact.name} has no focus {focus}: {has}")


def min_score(artefact: ModelArtefact, focus: Focus | None = None) -> float:
    """Return the score that is believed of such queries, 0 where none was calibrated."""
    asked = focus or artefact.layout.default
    return artefact.min_score if asked is None else artefact.layout.focuses[asked].min_score
