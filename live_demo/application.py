"""The application: what the gateway answers at which address."""

import mimetypes
from collections.abc import Mapping

import grpc
from cachetools import TTLCache
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from live_demo.access import AccessMiddleware, Door, Guard, Sessions
from live_demo.adder import Adder
from live_demo.adding import AddingEndpoint
from live_demo.gallery_map import MapFile
from live_demo.meanings import Meanings
from live_demo.messages import Narrowed
from live_demo.metrics import LiveMetrics
from live_demo.middleware import RateLimitMiddleware, SecurityMiddleware, address
from live_demo.origins import Origins
from live_demo.photos import PhotoEndpoint
from live_demo.pictures import PictureEndpoint, Pictures
from live_demo.searcher import About, Searcher
from live_demo.session import Session
from live_demo.settings import LiveSettings
from sketchzoo.limits import NoneLeftError, Rates, Shares
from sketchzoo.rpc import CallError, NotFoundError
from sketchzoo.telemetry import request_context

_BURST_SECONDS = 3
_ABOUT_SECONDS = 2.0
_ADDING_SECONDS = 10.0
_MOST_GALLERIES = 100
_NO_STORE = {"cache-control": "no-store"}
TRY_AGAIN_LATER = 1013
# What a system's own table says of scripts, a browser may not take for one.
mimetypes.add_type("text/javascript", ".js")


class Gateway:
    """The page's server side; `application` is what uvicorn serves."""

    def __init__(
        self,
        settings: LiveSettings,
        searcher: Searcher,
        adder: Adder | None,
        guard: Guard | None,
        *,
        metrics: LiveMetrics,
        map_file: MapFile,
    ) -> None:
        self._settings = settings
        self._searcher = searcher
        self._adder = adder
        self._guard = guard
        self._metrics = metrics
        self._map_file = map_file
        self._files = StaticFiles(packages=[("live_demo", "static")])
        self._origins = Origins(settings.allowed_hosts, settings.allowed_origins)
        self._pictures = Pictures(settings.max_picture_bytes)
        self._meanings = Meanings(searcher, settings.shown_fields)
        self._pages = Shares(
            settings.max_connections,
            min(settings.max_connections, settings.max_client_connections),
        )
        # A page asks every few seconds while it waits for the service to come back.
        self._about: TTLCache[str, About] = TTLCache(_MOST_GALLERIES, _ABOUT_SECONDS)
        self._takes_photos: TTLCache[str, bool] = TTLCache(1, _ADDING_SECONDS)
        rate = settings.requests_per_second
        rates = Rates(rate, rate * _BURST_SECONDS)
        limit = Middleware(RateLimitMiddleware, rates=rates, metrics=metrics)
        checks = [
            Middleware(SecurityMiddleware, origins=self._origins),
            Middleware(GZipMiddleware),
        ]
        shown = self._routes()
        if guard is not None:
            door = Door(self._origins, settings.login_attempts_per_minute, metrics, guard)
            shown += door.routes
            checks.append(Middleware(AccessMiddleware, guard=guard, door=door, metrics=metrics))
        self.application = Starlette(
            routes=[
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
                WebSocketRoute("/live", self._live),
                Mount("/", routes=shown, middleware=[limit]),
            ],
            middleware=checks,
        )

    def _routes(self) -> list[BaseRoute]:
        settings, origins, metrics = self._settings, self._origins, self._metrics
        photos = PhotoEndpoint(
            self._searcher, metrics, settings.photo_cache_bytes, private=self._guard is not None
        )
        pictures = PictureEndpoint(self._pictures, origins, metrics)
        routes: list[BaseRoute] = [
            Route("/", self._page),
            Mount("/static", self._files),
            Route("/gallery", self._show_gallery),
            Route("/folders", self._list_folders),
            Route("/meaning", self._show_meaning),
            Route("/map", self._show_map),
            Route("/photos/{photo_id}/original", photos.original),
            Route("/photos/{photo_id}/{side:int}", photos.answer),
            Route("/pictures", pictures.answer, methods=["POST"]),
        ]
        if self._adder is not None:
            adding = AddingEndpoint(self._adder, origins, settings, metrics)
            routes.append(Route("/photos", adding.answer, methods=["POST"]))
        return routes

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

    async def _show_gallery(self, request: Request) -> Response:
        gallery = request.query_params.get("gallery", "")
        try:
            about = await self._about_of(gallery)
        except CallError as error:
            # What is no gallery's name, or one that the page's token is not good for, is
            # not there: waiting would not help.
            refused = error.code is grpc.StatusCode.INVALID_ARGUMENT or error.reason == "DENIED"
            return _problem(error, lacking=bool(gallery) and refused)
        adding = self._adder is not None and await self._takes(self._adder)
        found = {
            "gallery": about.gallery,
            "galleries": about.galleries,
            "total": about.total,
            "classes": _counts(about.classes),
            "seen": _counts(about.seen_classes),
            "taken": [when.date().isoformat() for when in about.taken],
            "map": not gallery and await self._map_file.current() is not None,
            "most_bytes": self._settings.max_photo_bytes if adding else 0,
            "leave": isinstance(self._guard, Sessions),
            "focuses": about.focuses,
            "takes_text": about.takes_text,
        }
        return JSONResponse(found, headers=_NO_STORE)

    async def _about_of(self, gallery: str) -> About:
        about = self._about.get(gallery)
        if about is None:
            about = self._about[gallery] = await self._searcher.about(gallery)
        return about

    async def _show_meaning(self, request: Request) -> Response:
        gallery = request.query_params.get("gallery", "")
        text = request.query_params.get("text", "")
        try:
            meaning = await self._meanings.of(text, await self._about_of(gallery), gallery)
        except CallError as error:
            return _problem(error)
        return JSONResponse(meaning.told, headers=_NO_STORE)

    async def _takes(self, adder: Adder) -> bool:
        if "" not in self._takes_photos:
            self._takes_photos[""] = await adder.takes_photos()
        return self._takes_photos.get("", False)

    async def _list_folders(self, request: Request) -> Response:
        asked = dict(request.query_params)
        parent = asked.pop("parent", "")
        try:
            narrowed = Narrowed.model_validate(asked)
            found = await self._searcher.folders(narrowed.gallery, parent, narrowed.condition())
        except ValidationError as error:
            return JSONResponse({"code": "INVALID_ARGUMENT", "message": str(error)}, 422, _NO_STORE)
        except CallError as error:
            return _problem(error)
        return JSONResponse({"folders": _counts(found)}, headers=_NO_STORE)

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
                        websocket,
                        self._searcher,
                        self._settings,
                        self._metrics,
                        map_file=self._map_file,
                        pictures=self._pictures,
                        meanings=self._meanings,
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


def _counts(counts: Mapping[str, int]) -> list[dict[str, str | int]]:
    return [{"name": name, "count": count} for name, count in counts.items()]


def _problem(error: CallError, *, lacking: bool = False) -> Response:
    status = 404 if lacking or isinstance(error, NotFoundError) else 503
    problem = {"code": error.code.name, "message": error.message}
    return JSONResponse(problem, status, _NO_STORE)
