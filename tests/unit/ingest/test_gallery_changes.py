"""Deleting photos whose files are kept, with Qdrant as a fake."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from sketchzoo.qdrant import Photo, PhotoWriter
from sketchzoo.rpc import CallError
from sketchzoo_ingest.gallery_service.changes import Changes
from sketchzoo_ingest.gallery_service.shelf import FolderShelf
from sketchzoo_ingest.gallery_service.store import PhotoStore


async def test_a_store_that_cannot_be_written_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DeletePhotos is answered UNAVAILABLE, and deletes nothing."""
    shelf = FolderShelf(tmp_path)
    sha256 = "ab" * 32
    photo = Photo("", shelf.uri(f"ab/ab/{sha256}.jpg"), sha256, 64, 48)

    async def published(_: PhotoWriter) -> str:
        return "photos-" + "f" * 16

    async def get(_: PhotoWriter, __: str, ids: object) -> dict[str, Photo]:
        return {photo.id: photo}

    async def is_held(sha256: str, uri: str) -> bool:
        return True

    monkeypatch.setattr(PhotoWriter, "published", published)
    monkeypatch.setattr(PhotoWriter, "get", get)
    nothing: Any = None
    changes = Changes(nothing, PhotoStore(shelf, tmp_path / ".incoming"), is_held)
    (tmp_path / ".incoming").rmdir()
    with pytest.raises(CallError) as refused:
        await changes.delete("photos", [photo.id])
    assert refused.value.code is grpc.StatusCode.UNAVAILABLE
    assert str(tmp_path) not in refused.value.message
