"""Kept arrays: what takes minutes to compute, in a file that knows what it was computed from."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sketchzoo.files import write_atomically
from sketchzoo.images import PREPROCESSING_VERSION
from sketchzoo_training.data import ImageFile

T = TypeVar("T", bound=np.generic)


def key_of(files: Iterable[ImageFile | Path], **settings: object) -> str:
    """Digest all that decides a result: the files' contents in order, and settings.

    The preprocessing's version is one of them always. Settings are values of JSON.
    """
    digest = hashlib.sha256()
    stated = {"preprocessing_version": PREPROCESSING_VERSION, **settings}
    digest.update(json.dumps(stated, sort_keys=True).encode())
    for file in files:
        content = file.read_bytes() if isinstance(file, Path) else file.content()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def kept(path: Path | None, key: str, compute: Callable[[], npt.NDArray[T]]) -> npt.NDArray[T]:
    """Return what is kept under `path` for this very key, or else compute it and keep it.

    Without a `path` nothing is kept.
    """
    if path is not None and path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            if "key" in stored and str(stored["key"]) == key:
                found: npt.NDArray[T] = stored["array"]
                return found
    array = compute()
    if path is not None:
        write_atomically(path, lambda file: np.savez(file, array=array, key=np.array(key)))
    return array
