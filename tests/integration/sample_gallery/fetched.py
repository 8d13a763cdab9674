"""Runs of `sample fetch` in this process, and what is there after them."""

import asyncio
import csv
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from sample_gallery.fetch import Limits, Report, fetch, read_manifest
from sketchzoo.fetch import FetchLimits
from tests.integration.fetch.fetching import Pauses

ALLOWED = {"SKETCHZOO_SAMPLE_FETCH_ALLOW_PRIVATE_ADDRESSES": "true"}
Manifest = Callable[..., Path]


def limits(**changes: object) -> Limits:
    """Bounds of a run that may fetch from this machine."""
    own = {name: changes.pop(name) for name in list(changes) if name in Limits.__slots__}
    fetching = FetchLimits(seconds=180, attempts=4, at_once=4, allow_private_addresses=True)
    return Limits(fetch=replace(fetching, **changes), **own)  # type: ignore[arg-type] # any of them


def run(path: Path, folder: Path, bounds: Limits | None = None, **more: object) -> Report:
    more.setdefault("sleep", Pauses())
    return asyncio.run(fetch(read_manifest(path), folder, bounds or limits(), **more))  # type: ignore[arg-type]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def attribution(folder: Path) -> list[dict[str, str]]:
    with (folder / "ATTRIBUTION.csv").open() as file:
        return list(csv.DictReader(file))


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def photos(folder: Path) -> list[Path]:
    return sorted((folder / "photo").rglob("*.*"))
