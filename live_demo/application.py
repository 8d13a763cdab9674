"""The application: what the gateway answers at which address."""

import mimetypes

from cachetools import TTLCache
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from live_demo.gallery_map import MapFile
from live_demo.metrics import LiveMetrics
from live_demo.middleware import RateLimitMiddleware, SecurityMiddleware, address
from live_demo.origins import Origins
from live_demo.photos import PhotoEndpoint
from live_demo.searcher import Searcher
from live_demo.session import Session
from live_demo.settings import LiveSettings
from sketchzoo.limits import NoneLeftError, Rates, Shares
from sketchzoo.rpc import CallError
from sketchzoo.telemetry import request_context

_BURST_SECONDS = 3
_CLASSES_SECONDS = 2.0
TRY_AGAIN_LATER = 1013
# What a system's own table says of scripts, a browser may not take for one.
mimetypes.add_type("text/javascript", ".js")


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
        self._files = StaticFiles(packages=[("live_demo", "static")])
        self._origins = Origins(settings.allowed_hosts, settings.allowed_origins)
        self._pages = Shares(
            settings.max_connections,
            min(settings.max_connections, settings.max_client_connections),
        )
        rate = settings.requests_per_second
        rates = Rates(rate, rate * _BURST_SECONDS)
        # A page asks every few seconds while it waits for the service to come back.
        self._classes: TTLCache[str, dict[str, int]] = TTLCache(1, _CLASSES_SECONDS)
        photos = PhotoEndpoint(searcher, metrics, settings.photo_cache_bytes)
        shown = [
            Route("/", self._page),
            Mount("/static", self._files),
            Route("/classes", self._list_classes),
            Route("/map", self._show_map),
            Route("/photos/{photo_id}/{side:int}", photos.answer),
        ]
        limit = Middleware(RateLimitMiddleware, rates=rates, metrics=metrics)
        self.application = Starlette(
            routes=[
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
                WebSocketRoute("/live", self._live),
                Mount("/", routes=shown, middleware=[limit]),
            ],
            middleware=[
                Middleware(SecurityMiddleware, origins=self._origins),
                Middleware(GZipMiddleware),
            ],
        )

    async def _page(self, request: Request) -> Response:
        return await self._files.get_response("index.html", request.scope)

    async def _show_map(self, request: Request) -> Response:
        gallery_map = await self._map_file.current()
        if gallery_map is None:
            return PlainTextResponse("no map was made: see `sketchzoo live map --help`\n", 404)
        headers = {"etag": gallery_map.tag}
        if gallery_map.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(gallery_map.packed, 200, headers, "application/octet-stream")

    async def _list_classes(self, _: Request) -> Response:
        headers = {"cache-control": "no-store"}
        classes = self._classes.get("")
        if classes is None:
            try:
                classes = self._classes[""] = await self._searcher.classes()
            except CallError as error:
                problem = {"code": error.code.name, "message": error.message}
                return JSONResponse(problem, 503, headers)
        found = {
            "classes": [{"class": name, "count": count} for name, count in classes.items()],
            "map": await self._map_file.current() is not None,
        }
        return JSONResponse(found, headers=headers)

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
            with self._pages.one(address(websocket)), request_context(None):
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
