"""A search service of three classes, which finds one crab, and `sketchzoo query` that asks it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_status import rpc_status
from PIL import Image, ImageDraw

from sketchzoo.rpc import unimplemented
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc

HERON = search_pb2.Hit(
    photo_id="2",
    score=0.8,
    uri="s3://bucket/2024/lake/DSC_1.NEF",
    near_duplicates=4,
    seen_class="heron",
    seen_confidence=0.75,
    folder="2024/lake",
    file_name="DSC_1.NEF",
    taken_at=Timestamp(seconds=1_720_000_000),
    camera="ACME X100",
    location=search_pb2.GeoPoint(lat=47.5, lon=9.5),
    rating=4,
)


class Zoo(search_pb2_grpc.SearchServiceServicer):
    """Finds one crab, whatever is asked, and in the gallery `library` a heron.

    In the galleries `words` and `drawings` it is sure of nothing; the first takes texts.
    """

    asked: ClassVar[list[search_pb2.SearchRequest]] = []

    def Search(self, request: Any, context: Any) -> search_pb2.SearchResponse:  # noqa: N802
        self.asked.append(request)
        if request.query.text and request.gallery == "drawings":
            said = "cannot be embedded by the model shapes"
            problem = unimplemented("NO_TEXT_TOWER", said, field="query.text")
            context.abort_with_status(rpc_status.to_status(problem.status()))
        hit = search_pb2.Hit(photo_id="1", class_name="crab", score=0.9, uri="file:///crab.jpg")
        hits = [HERON] if request.gallery == "library" else [hit]
        answer = search_pb2.SearchResponse(hits=hits, model_fingerprint="f")
        if request.gallery in ("words", "drawings"):
            answer.hits.add(photo_id="2", class_name="cat", score=0.8, uri="file:///cat.jpg")
            answer.confident_score = 0.95
        return answer

    def GetGallery(self, request: Any, context: Any) -> search_pb2.GetGalleryResponse:  # noqa: N802
        return search_pb2.GetGalleryResponse(takes_text=request.gallery == "words")

    def ListFolders(self, request: Any, context: Any) -> search_pb2.ListFoldersResponse:  # noqa: N802
        names = {"": ["2024"], "2024": ["2024/lake", "2024/hill"]}.get(request.parent, [])
        counts = [search_pb2.FolderCount(folder=name, count=1) for name in names]
        return search_pb2.ListFoldersResponse(folders=counts)

    def ListClasses(self, request: Any, context: Any) -> search_pb2.ListClassesResponse:  # noqa: N802
        counts = [search_pb2.ClassCount(class_name=n, count=1) for n in ("cat", "crab", "Löwe")]
        seen = [search_pb2.ClassCount(class_name="heron", count=1)]
        return search_pb2.ListClassesResponse(classes=counts, seen_classes=seen)


@contextmanager
def zoo_service() -> Iterator[str]:
    """Serve it in the context; yields its address."""
    server = grpc.server(ThreadPoolExecutor(2))
    search_pb2_grpc.add_SearchServiceServicer_to_server(Zoo(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait(5)


def crab_sketch(folder: Path) -> Path:
    """Draw a sketch into a file of a folder."""
    path = folder / "crab.png"
    image = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(image).ellipse((10, 10, 50, 50), outline=0)
    image.save(path)
    return path


def query(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "sketchzoo", "query", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GRPC_")}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment
    )
