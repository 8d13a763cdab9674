"""The model of size: its page follows from its figures, and they from where they say."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import arrivals

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "operations" / "size.md"


@pytest.fixture(scope="module")
def size() -> ModuleType:
    spec = importlib.util.spec_from_file_location("size", ROOT / "scripts" / "size.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["size"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_what_follows_from_the_figures(size: Any) -> None:
    """`python scripts/size.py` writes it anew."""
    assert size.tables() in PAGE.read_text()


def test_every_figure_says_where_it_is_from(size: Any) -> None:
    """Measured, somebody's page, or a choice."""
    _, rows = size.read()
    assert len(rows) > 10
    assert all(len(source) > 5 for _, _, source in rows)


def test_figures_that_are_elsewhere_are_the_same(size: Any) -> None:
    """The shipped model's, and those of the simulation."""
    figures, _ = size.read()
    model = json.loads((ROOT / "models" / "zoo-1" / "config.json").read_text())
    assert figures["photo"]["values"] == model["dimension"]
    assert figures["qdrant"]["upserts_per_second"] == arrivals.UPSERTS_PER_SECOND
    assert figures["ingest"]["photos_per_core_second"] == arrivals.PHOTOS_PER_CORE_SECOND


def test_what_follows_grows_with_the_photos(size: Any) -> None:
    """Ten times the photos take ten times the bytes, never fewer machines, and int8 less memory."""
    figures, _ = size.read()
    one, ten = (size.plan(figures, photos, int8=False) for photos in (10**8, 10**9))
    assert ten.memory_bytes == pytest.approx(10 * one.memory_bytes)
    assert ten.qdrant_machines > one.qdrant_machines
    assert ten.ingest_machines > one.ingest_machines
    small = size.plan(figures, 10**9, int8=True)
    assert small.memory_bytes < ten.memory_bytes
    assert small.disk_bytes > ten.disk_bytes
    # As many machines as hold it, with what they keep free.
    held = figures["machine"]["memory_gib"] * 2**30 * figures["qdrant"]["memory_share"]
    assert (ten.qdrant_machines - 1) * held < ten.memory_bytes <= ten.qdrant_machines * held
