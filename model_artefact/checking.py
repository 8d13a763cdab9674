"""Checking: whether an artefact keeps all that it promises to who serves it."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_artefact.pictures import pictures
from model_artefact.running import PARITY, Session, agree, is_unit
from sketchzoo.fingerprint import text_fingerprint
from sketchzoo.images import Modality, Preprocessing, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.text_tower import TEXTS, TextSession, Vectors
from sketchzoo.tokenizer import Tokens

_PAPERS = ("MODEL_CARD.md", "LICENSE")
_ALIKE = 1e-4
"""Embeddings of different things whose values differ by less are the same one."""
_WARM, _TIMED = 3, 15


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise of an artefact, whether it is kept, and what was found."""

    of: str
    what: str
    is_kept: bool
    found: str


def check(folder: Path | str) -> Iterator[Promise]:
    """Look at an artefact, one promise after the other; what can't be looked at breaks one.

    Raises:
        ModelError: there is no such folder.

    """
    try:
        artefact = ModelArtefact.read(folder)
    except ModelError as error:
        if not Path(folder).is_dir():
            raise
        yield Promise("model", "configuration", is_kept=False, found=str(error))
        return
    version = artefact.towers[Modality.PHOTO].preprocessing.version
    found = f"{artefact.name}, {artefact.dimension} values, preprocessing version {version}"
    yield Promise("model", "configuration", is_kept=True, found=found)
    yield _files(artefact)
    yield _fingerprint(artefact)
    for modality, tower in artefact.towers.items():
        yield from _tower(artefact, modality, tower.preprocessing)
    if artefact.text is not None:
        yield from _text(artefact)


def _files(artefact: ModelArtefact) -> Promise:
    wanted = {"config.json"}
    for tower in artefact.towers.values():
        wanted |= {tower.onnx, tower.safetensors, *(_PAPERS if tower.is_graph_alone else ())}
    if artefact.text is not None:
        wanted |= set(artefact.text.files)
    missing = sorted(name for name in wanted if not (artefact.folder / name).is_file())
    there = sum((artefact.folder / name).stat().st_size for name in wanted - set(missing))
    if missing:
        found = f"{', '.join(missing)} missing"
    else:
        found = f"{len(wanted)} files, {there / 1e6:.1f} MB"
    return Promise("model", "files", is_kept=not missing, found=found)


def _fingerprint(artefact: ModelArtefact) -> Promise:
    try:
        artefact.verify()
    except ModelError as error:
        return Promise("model", "fingerprint", is_kept=False, found=str(error))
    return Promise("model", "fingerprint", is_kept=True, found=artefact.fingerprint)


def _tower(artefact: ModelArtefact, modality: Modality, how: Preprocessing) -> Iterator[Promise]:
    of = modality.value
    try:
        session = Session(artefact.onnx(modality))
        images = np.stack([prepare(each, how) for each in pictures()])
        vectors = session.embed_each(images)
    except ModelError as error:
        yield Promise(of, "runs", is_kept=False, found=str(error))
        return
    shown = f"{how.channels} x {how.size} x {how.size}, {how.fit}"
    yield Promise(of, "runs", is_kept=True, found=f"images {shown} to embedding")
    yield from _vectors(of, vectors, artefact.dimension)
    yield _batch(of, session, images, vectors, artefact.towers[modality].network.get("batch"))
    took = []
    for _ in range(_WARM + _TIMED):
        began = time.perf_counter()
        session.embed(images[:1])
        took.append(1000 * (time.perf_counter() - began))
    milliseconds = statistics.median(took[_WARM:])
    yield Promise(of, "speed", is_kept=True, found=f"{milliseconds:.2f} ms an image on one thread")


def _vectors(of: str, vectors: Vectors, dimension: int) -> Iterator[Promise]:
    length = vectors.shape[1]
    yield Promise(of, "dimension", is_kept=length == dimension, found=f"{length} values")
    finite = bool(np.isfinite(vectors).all())
    yield Promise(
        of, "finite", is_kept=finite, found="every value" if finite else "not every value"
    )
    norms = np.linalg.norm(vectors, axis=1)
    found = f"L2 norms {norms.min():.4f} to {norms.max():.4f}"
    yield Promise(of, "norm 1", is_kept=is_unit(vectors), found=found)
    apart = np.abs(vectors - np.roll(vectors, 1, axis=0)).max(axis=1).min()
    found = f"by {apart:.2g} at least in one value"
    yield Promise(of, "tells things apart", is_kept=bool(apart > _ALIKE), found=found)


def _batch(of: str, session: Session, images: np.ndarray, each: Vectors, stated: object) -> Promise:
    if stated == 1:
        return Promise(
            of, "batches", is_kept=True, found="one image at a time, as config.json says"
        )
    try:
        same = agree(session.embed(images), each)
    except ModelError as error:
        return Promise(of, "batches", is_kept=False, found=str(error))
    found = f"three at once {'as' if same else 'not as'} one by one (cosine {PARITY})"
    return Promise(of, "batches", is_kept=same, found=found)


def _text(artefact: ModelArtefact) -> Iterator[Promise]:
    text = artefact.text
    if text is None:
        return
    try:
        stated = text_fingerprint(artefact.folder, text.files) == text.fingerprint
        _, onnx, tokenizer = text.files
        tokens = Tokens.read(artefact.folder / tokenizer, text.context)
        found = tokens.of(TEXTS)
        vectors = TextSession(artefact.folder / onnx, text.inputs).embed(found)
    except ModelError as error:
        yield Promise("text", "runs", is_kept=False, found=str(error))
        return
    said = text.fingerprint if stated else f"not {text.fingerprint}, as config.json states"
    yield Promise("text", "fingerprint", is_kept=stated, found=said)
    count = found["input_ids"].shape[1]
    fits = count == text.context and tokens.end == text.eos
    said = f"{count} tokens" + ("" if tokens.end is None else f", {tokens.end} at a text's end")
    yield Promise("text", "tokenizer", is_kept=fits, found=said)
    yield from _vectors("text", vectors, artefact.dimension)
