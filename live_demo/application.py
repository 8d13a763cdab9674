"""The application: what the gateway answers at which address."""

import time

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from live_demo.files import File, page_files
from live_demo.gallery_map import GalleryMap, MapFile
from live_demo.headers import Guard
from live_demo.metrics import LiveMetrics
from live_demo.origins import Origins
from live_demo.photos import Photos
from live_demo.searcher import Searcher
from live_demo.session import Session
from live_demo.settings import LiveSettings
from sketchzoo.limits import NoneLeftError, Rates, Shares, caller
from sketchzoo.rpc import CallError
from sketchzoo.telemetry import request_context

_BURST_SECONDS = 3
_CLASSES_SECONDS = 2.0
TRY_AGAIN_LATER = 1013


class Gateway:
    """The page's server side; `application` is what uvicorn serves."""

    def __init__(
        self,
        settings: LiveSettings,
        searcher: Searcher,
        metrics: LiveMetrics,
        map_file: MapFile,
    ) -> None:
        self._settings = settings
        self._searcher = searcher
        self._metrics = metrics
        self._map_file = map_file
        self._map_sent: tuple[GalleryMap, File] | None = None
        self._files = page_files()
        self._photos = Photos(searcher, metrics, settings.photo_cache_bytes)
        self._origins = Origins(settings.allowed_hosts, settings.allowed_origins)
        self._pages = Shares(
            settings.max_connections,
            min(settings.max_connections, settings.max_client_connections),
        )
        rate = settings.requests_per_second
        self._rates = Rates(rate, rate * _BURST_SECONDS)
        self._classes: tuple[float, dict[str, int]] | None = None
        self.application = Starlette(
            routes=[
                Route("/", self._page),
                Route("/static/{name}", self._file),
                Route("/classes", self._list_classes),
                Route("/map", self._show_map),
                Route("/photos/{photo_id}/{side:int}", self._photo),
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
                WebSocketRoute("/live", self._live),
            ],
            middleware=[Middleware(Guard, origins=self._origins)],
        )

    async def _page(self, request: Request) -> Response:
        return self._refused(request) or self._files["index.html"].answer(request)

    async def _file(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        file = self._files.get(request.path_params["name"])
        return file.answer(request) if file else PlainTextResponse("no such file\n", 404)

    async def _photo(self, request: Request) -> Response:
        return self._refused(request) or await self._photos.answer(request)

    async def _show_map(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        gallery_map = await self._map_file.current()
        if gallery_map is None:
            return PlainTextResponse("no map was made: see `sketchzoo live map --help`\n", 404)
        if self._map_sent is None or self._map_sent[0] is not gallery_map:
            file = File.of(gallery_map.packed, "application/octet-stream")
            self._map_sent = (gallery_map, file)
        return self._map_sent[1].answer(request)

    async def _list_classes(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        # A page asks every few seconds while it waits for the service to come back.
        if self._classes is None or time.monotonic() - self._classes[0] > _CLASSES_SECONDS:
            try:
                self._classes = (time.monotonic(), await self._searcher.classes())
            except CallError as error:
                self._classes = None
                return JSONResponse(
                    {"code": error.code.name, "message": error.message},
                    503,
                    {"cache-control": "no-store"},
                )
        return JSONResponse(
            {
                "classes": [{"class": name, "count": n} for name, n in self._classes[1].items()],
                "map": await self._map_file.current() is not None,
            },
            headers={"cache-control": "no-store"},
        )

    async def _alive(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _: Request) -> Response:
        ready = await self._searcher.is_serving()
        return PlainTextResponse("ready\n" if ready else "search is away\n", 200 if ready else 503)

    async def _live(self, websocket: WebSocket) -> None:
        host, origin = (websocket.headers.get(name) for name in ("host", "origin"))
        if not self._origins.trusts(origin, host):
            self._metrics.refused.labels("origin").inc()
            await websocket.close(1008, "unknown origin")
            return
        try:
            with self._pages.one(_address(websocket)), request_context(None):
                await websocket.accept()
                self._metrics.connections.inc()
                try:
                    await Session(
                        websocket, self._searcher, self._settings, self._metrics, self._map_file
                    ).run()
                finally:
                    self._metrics.connections.dec()
        except NoneLeftError as error:
            self._metrics.refused.labels("connections").inc()
            why = "the zoo is full"
            if error.of_share:
                why = "too many pages are open from your address"
            # Accepted first: of a refused handshake a page is not told the reason.
            await websocket.accept()
            await websocket.close(TRY_AGAIN_LATER, why)

    def _refused(self, request: Request) -> Response | None:
        wait = self._rates.take(_address(request))
        if not wait:
            return None
        self._metrics.refused.labels("rate").inc()
        headers = {"retry-after": str(int(wait) + 1), "cache-control": "no-store"}
        return PlainTextResponse("too many requests\n", 429, headers)


def _address(connection: HTTPConnection) -> str:
    return caller(connection.client.host) if connection.client else "unknown"
