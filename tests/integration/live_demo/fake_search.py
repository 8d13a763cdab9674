"""A search service of eight classes over a real socket, without encoder and Qdrant.

Photos are the page's own examples on coloured ground; an embedding is a blurred raster of
a drawing's lines, so that what looks alike is found.
"""

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.struct_pb2 import Struct
from PIL import Image
from prometheus_client import CollectorRegistry

from sketchzoo.rpc import CallError, RpcServer, Service, invalid, not_found, unimplemented
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from sketchzoo.settings import ServerSettings
from sketchzoo.strokes import Stroke, Strokes, rasterize
from tests.integration.live_demo.fake_photos import SIDE, embed, gallery, meets

FINGERPRINT = "fake"
_PIECE = 256 * 1024
_FIELDS = ("author", "camera", "class", "folders", "licence", "secret", "uri")


class FakeSearch(search_pb2_grpc.SearchServiceServicer):
    """Answers as the contract says; `failure`, `delay` and `confident_score` are for tests.

    `lost` fails GetPhoto and DownloadPhoto alone, photo by photo, `no_gallery` GetGallery; with
    `breaks_off` downloads end after a piece, `downloads` are under way, and `uris` says where
    photos lie. `known` is what is known of a photo beside its class, by its id; `classless`
    photos have none. `focuses` and `takes_text` are what the model can be asked with: texts are
    names of classes, and any other is like nothing.
    """

    def __init__(self) -> None:
        self.photos = dict(gallery())
        self.failure: CallError | None = None
        self.lost: dict[str, CallError] = {}
        self.no_gallery: CallError | None = None
        self.uris: dict[str, str] = {}
        self.content_type = "image/jpeg"
        self.known: dict[str, search_pb2.Hit] = {}
        self.classless = False
        self.galleries = ["photos"]
        self.focuses: list[search_pb2.Focus.ValueType] = []
        self.takes_text = False
        self.folders_asked = 0
        self._no_sketch: CallError | None = None
        self.delay = 0.0
        self.confident_score = 0.6
        self.requests: list[search_pb2.SearchRequest] = []
        self.cancelled = 0
        self.streams = 0
        self.open_streams = 0
        self.photos_asked = 0
        self.downloads = 0
        self.breaks_off = False
        self.metadata: dict[str, str] = {}

    async def LiveSearch(  # noqa: N802 - the contract's name
        self, request_iterator: Any, context: Any
    ) -> AsyncIterator[search_pb2.LiveSearchResponse]:
        self.streams += 1
        self.open_streams += 1
        self.metadata = {str(k): str(v) for k, v in context.invocation_metadata()}
        answers: asyncio.Queue[search_pb2.LiveSearchResponse | None] = asyncio.Queue(8)

        async def answer(request: search_pb2.LiveSearchRequest) -> None:
            await asyncio.sleep(self.delay)
            try:
                response = self.search(request.request)
            except CallError as error:
                await answers.put(
                    search_pb2.LiveSearchResponse(sequence=request.sequence, status=error.status())
                )
                return
            await answers.put(
                search_pb2.LiveSearchResponse(sequence=request.sequence, response=response)
            )

        async def read() -> None:
            work: asyncio.Task[None] | None = None
            async for request in request_iterator:
                if work is not None and not work.done():
                    work.cancel()
                    self.cancelled += 1
                work = asyncio.create_task(answer(request))
            await answers.put(None)

        reading = asyncio.create_task(read())
        try:
            while (response := await answers.get()) is not None:
                yield response
        finally:
            self.open_streams -= 1
            reading.cancel()

    async def ListClasses(self, request: Any, context: Any) -> search_pb2.ListClassesResponse:  # noqa: N802 - as above
        if self.failure is not None:
            raise self.failure
        hits = [self._hit(photo_id, 0) for photo_id in self.photos]
        hits = [hit for hit in hits if meets(hit, request.filter)]
        classes = Counter(hit.class_name for hit in hits if hit.class_name)
        seen = Counter(hit.seen_class for hit in hits if hit.seen_class)
        return search_pb2.ListClassesResponse(
            classes=_counted(classes), total=len(hits), seen_classes=_counted(seen)
        )

    async def ListFolders(self, request: Any, context: Any) -> search_pb2.ListFoldersResponse:  # noqa: N802 - as above
        self.folders_asked += 1
        above = f"{request.parent}/" if request.parent else ""
        found: Counter[str] = Counter()
        for photo_id in self.photos:
            hit = self._hit(photo_id, 0)
            if hit.folder.startswith(above) and hit.folder != request.parent:
                below = hit.folder.removeprefix(above).split("/")[0]
                found[above + below] += meets(hit, request.filter)
        return search_pb2.ListFoldersResponse(
            folders=[
                search_pb2.FolderCount(folder=name, count=count)
                for name, count in sorted(found.items())
                if count
            ]
        )

    async def GetGallery(self, request: Any, context: Any) -> search_pb2.GetGalleryResponse:  # noqa: N802 - as above
        name = request.gallery or self.galleries[0]
        if self.no_gallery is not None:
            raise self.no_gallery.again()
        if name not in self.galleries:
            raise not_found(f"there is no gallery {name}")
        response = search_pb2.GetGalleryResponse(
            gallery=name,
            model_fingerprint=FINGERPRINT,
            photos=len(self.photos),
            focuses=self.focuses,
            takes_text=self.takes_text,
            fields=[search_pb2.PayloadField(name=each, type="keyword") for each in _FIELDS],
        )
        taken = sorted(h.taken_at.ToDatetime() for h in self.known.values())
        if taken:
            response.earliest.FromDatetime(taken[0])
            response.latest.FromDatetime(taken[-1])
        return response

    async def ListGalleries(self, request: Any, context: Any) -> search_pb2.ListGalleriesResponse:  # noqa: N802 - as above
        return search_pb2.ListGalleriesResponse(galleries=self.galleries)

    async def GetPhoto(self, request: Any, context: Any) -> search_pb2.GetPhotoResponse:  # noqa: N802 - as above
        self.photos_asked += 1
        photo = self.photos.get(request.photo_id)
        if request.photo_id in self.lost:
            raise self.lost[request.photo_id]
        if photo is None:
            raise not_found("no such photo")
        return search_pb2.GetPhotoResponse(
            content=photo.content, content_type=self.content_type, photo=self._hit(photo.id, 0)
        )

    async def DownloadPhoto(  # noqa: N802 - as above
        self, request: Any, context: Any
    ) -> AsyncIterator[search_pb2.DownloadPhotoResponse]:
        photo = await self.GetPhoto(request, context)
        content, self.downloads = photo.content, self.downloads + 1
        file = search_pb2.PhotoFile(
            photo=photo.photo, content_type=photo.content_type, size=len(content)
        )
        try:
            yield search_pb2.DownloadPhotoResponse(file=file)
            for at in range(0, len(content), _PIECE):
                if self.breaks_off and at:
                    raise not_found("the photo's file has changed: file:///srv/a.jpg")
                yield search_pb2.DownloadPhotoResponse(piece=content[at : at + _PIECE])
        finally:
            self.downloads -= 1

    async def Search(self, request: Any, context: Any) -> search_pb2.SearchResponse:  # noqa: N802 - as above
        return self.search(request)

    async def BatchSearch(self, request: Any, context: Any) -> search_pb2.BatchSearchResponse:  # noqa: N802 - as above
        raise NotImplementedError

    def refuse_sketch(self, why: str) -> None:
        """Refuse pictures that are searched as sketches."""
        self._no_sketch = invalid("query.sketch", why)

    def search(self, request: search_pb2.SearchRequest) -> search_pb2.SearchResponse:
        """Compare the query with every photo."""
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        query = request.query
        if query.text and not self.takes_text:
            raise unimplemented("NO_TEXT_TOWER", "cannot be embedded", field="query.text")
        if query.focus and query.focus not in self.focuses:
            raise unimplemented("NO_FOCUS", "is not offered", field="query.focus")
        source = self._vector(query)
        vector = source + sum(self.photos[i].vector for i in query.liked_photo_ids)
        for photo_id in query.disliked_photo_ids:
            vector = vector - self.photos[photo_id].vector
        vector = vector / max(float(np.linalg.norm(vector)), 1e-9)
        named = {*query.liked_photo_ids, *query.disliked_photo_ids, query.photo_id}
        scored = sorted(
            ((1 + float(photo.vector @ vector)) / 2, photo.id)
            for photo in self.photos.values()
            if photo.id not in named and meets(self._hit(photo.id, 0), request.filter)
        )[::-1]
        start = int(request.page_token or 0)
        end = start + (request.limit or 12)
        response = search_pb2.SearchResponse(
            hits=[self._hit(photo_id, score) for score, photo_id in scored[start:end]],
            model_fingerprint=FINGERPRINT,
            next_page_token=str(end) if end < len(scored) else "",
            confident_score=self.confident_score,
        )
        for stage, nanoseconds in {
            "decode": 9e5,
            "encode": 6e6,
            "query": 8e5,
            "total": 8e6,
        }.items():
            getattr(response.timings, stage).FromNanoseconds(int(nanoseconds))
        if request.include.query_embedding:
            response.query_embedding.vector = vector.astype("<f4").tobytes()
            response.query_embedding.dimension = vector.size
        return response

    def _vector(self, query: search_pb2.Query) -> npt.NDArray[np.float32]:
        if not query.text:
            return self._seen(query)
        named = [each.vector for each in self.photos.values() if each.class_name == query.text]
        text = np.mean(named, axis=0) if named else np.zeros(SIDE * SIDE, np.float32)
        if query.WhichOneof("source") is None:
            return text
        weight = query.text_weight if query.HasField("text_weight") else 0.5
        return np.asarray((1 - weight) * self._seen(query) + weight * text, np.float32)

    def _seen(self, query: search_pb2.Query) -> npt.NDArray[np.float32]:
        match query.WhichOneof("source"):
            case "strokes":
                drawing = query.strokes
                strokes = tuple(
                    Stroke(tuple(zip(map(float, s.x), map(float, s.y), strict=True)), s.width)
                    for s in drawing.strokes
                )
                size = drawing.canvas_width, drawing.canvas_height
                return embed(rasterize(Strokes(*size, strokes)))
            case "photo_id":
                if query.photo_id not in self.photos:
                    raise not_found("no such photo")
                return self.photos[query.photo_id].vector
            case "sketch":
                if self._no_sketch is not None:
                    raise self._no_sketch
                return embed(Image.open(io.BytesIO(query.sketch)))
            case _:
                return embed(Image.open(io.BytesIO(query.photo)))

    def _hit(self, photo_id: str, score: float) -> search_pb2.Hit:
        payload = Struct()
        payload.update({"author": "Nobody", "licence": "CC0", "secret": "x", "uri": "/srv/a.jpg"})
        hit = search_pb2.Hit(
            photo_id=photo_id,
            class_name="" if self.classless else self.photos[photo_id].class_name,
            score=score,
            uri=self.uris.get(photo_id, "file:///srv/a.jpg"),
            width=256,
            height=256,
            payload=payload,
        )
        if photo_id in self.known:
            hit.MergeFrom(self.known[photo_id])
        return hit


def _counted(counts: Counter[str]) -> list[search_pb2.ClassCount]:
    return [search_pb2.ClassCount(class_name=n, count=c) for n, c in sorted(counts.items())]


def server(fake: FakeSearch, port: int = 0, **settings: Any) -> RpcServer:
    """Return a server of the fake; it serves while its context is open."""
    return RpcServer(
        ServerSettings(port=port, drain_seconds=0.1, **settings),
        [
            Service(
                "sketchzoo.search.v1.SearchService",
                fake,
                search_pb2_grpc.add_SearchServiceServicer_to_server,
            )
        ],
        CollectorRegistry(),
    )
