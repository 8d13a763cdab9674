"""Fingerprints: by which a model's embeddings, and its text tower, are told from another's."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from sketchzoo.model_error import ModelError
from sketchzoo.tower_config import TowerConfig


def fingerprint(folder: Path, towers: Iterable[TowerConfig]) -> str:
    """Hash each tower's weights (its safetensors file's bytes), network and preprocessing.

    What describes a network holds what no weight says: temperatures, doubt, what each part counts.
    Of an imported tower the graph is hashed in its place: nothing else says which of a network's
    values are the embedding. Returns 16 hexadecimal digits: two models with the same ones give
    the same embeddings.

    Raises:
        ModelError: a tower's weights, or an imported one's graph, are missing.

    """
    digest = hashlib.sha256()
    hashed = cache(_hashed)  # of files that two towers share, once
    for name, tower in sorted({tower.name: tower for tower in towers}.items()):
        digest.update(name.encode())
        digest.update(hashed(folder / tower.safetensors))
        if tower.is_graph_alone:
            digest.update(hashed(folder / tower.onnx))
        else:
            digest.update(json.dumps(dict(tower.network), sort_keys=True).encode())
        digest.update(json.dumps(asdict(tower.preprocessing), sort_keys=True).encode())
    return digest.hexdigest()[:16]


def text_fingerprint(folder: Path, files: Iterable[str]) -> str:
    """Hash a text tower's files: 16 hexadecimal digits.

    Raises:
        ModelError: one of them is missing.

    """
    digest = hashlib.sha256()
    for name in files:
        digest.update(_hashed(folder / name))
    return digest.hexdigest()[:16]


def _hashed(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing") from error
