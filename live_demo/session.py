"""A session: a page's WebSocket, from its opening to its end."""

import asyncio
from typing import Any

import structlog
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from live_demo.access import seconds_left
from live_demo.gallery_map import MapFile
from live_demo.live_search import LatestRequest, LiveSearch
from live_demo.meanings import Meanings, told_fields
from live_demo.messages import SearchMessage, answer, failure, to_request
from live_demo.metrics import LiveMetrics
from live_demo.pictures import Pictures
from live_demo.searcher import Searcher
from live_demo.settings import LiveSettings
from sketchzoo.limits import TokenBucket
from sketchzoo.rpc import CallError, exhausted, invalid
from sketchzoo.rpc.errors import from_status
from sketchzoo.search.v1 import search_pb2

log = structlog.get_logger()

_BURST_SECONDS = 3
# Our page sends nothing that cannot be read; this many bad messages are no accident.
_MAX_REFUSALS = 50
POLICY_VIOLATION = 1008
IDLE = 4408
LOCKED = 4401


class Session:
    """Serves one page until it leaves; the service's failures are told, not fatal."""

    def __init__(
        self,
        websocket: WebSocket,
        searcher: Searcher,
        settings: LiveSettings,
        metrics: LiveMetrics,
        *,
        map_file: MapFile,
        pictures: Pictures,
        meanings: Meanings,
    ) -> None:
        self._websocket = websocket
        self._searcher = searcher
        self._settings = settings
        self._metrics = metrics
        self._map_file = map_file
        self._pictures = pictures
        self._meanings = meanings
        # Of the newest search its sequence, and the gallery that it asks.
        self._asked = 0, ""
        self._newest = LatestRequest()
        self._image: bytes | None = None
        rate = settings.searches_per_second
        self._bucket = TokenBucket(rate, rate * _BURST_SECONDS)
        self._refusals = 0
        self._fields = told_fields(settings.shown_fields)

    async def run(self) -> None:
        """Serve until the page leaves, is idle for too long, misbehaves or is let in no more."""
        # Either one's end is the page's: it left, or could not be told something.
        tasks = [asyncio.create_task(self._search()), asyncio.create_task(self._listen())]
        try:
            done, _ = await asyncio.wait(
                tasks,
                timeout=seconds_left(self._websocket),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                await self._websocket.close(LOCKED, "the session is over")
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception) and not self._has_left(end):
                raise end

    def _has_left(self, error: Exception) -> bool:
        """Tell whether an error only says that the page is not there any more."""
        if isinstance(error, WebSocketDisconnect):
            return True
        # Starlette's word for a message after the end, whichever side ended it.
        states = (self._websocket.client_state, self._websocket.application_state)
        return isinstance(error, RuntimeError) and WebSocketState.DISCONNECTED in states

    async def _listen(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._settings.idle_seconds):
                    message = await self._websocket.receive()
            except TimeoutError:
                await self._websocket.close(IDLE, "idle for too long; reload to go on")
                return
            if message["type"] == "websocket.disconnect":
                return
            # Its visitor may have left in another window, or elsewhere with the same cookie.
            if seconds_left(self._websocket) == 0:
                await self._websocket.close(LOCKED, "the session is over")
                return
            if wait := self._bucket.take():
                await self._refuse("rate", None, exhausted("too many searches", wait))
            elif (text := message.get("text")) is not None:
                await self._take(text)
            else:
                self._image = message["bytes"]
            if self._refusals > _MAX_REFUSALS:
                await self._websocket.close(POLICY_VIOLATION, "too many bad messages")
                return

    async def _take(self, text: str) -> None:
        try:
            ask = SearchMessage.model_validate_json(text, context=self._fields)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in problem["loc"]) or "message"
            await self._refuse("message", None, invalid(where, problem["msg"]))
            return
        try:
            # The map is of the service's own gallery.
            mapped = not ask.gallery and await self._map_file.current() is not None
            image = self._image
            if ask.picture and (image := self._pictures.get(ask.picture)) is None:
                gone = invalid("picture", "is held no more: hand it in again", reason="GONE")
                await self._refuse("image", ask.sequence, gone)
                return
            request = to_request(ask, image, query_embedding=mapped)
        except ValueError as error:
            await self._refuse("image", ask.sequence, invalid("source", str(error)))
            return
        self._asked = ask.sequence, ask.gallery
        self._newest.put(request)

    async def _refuse(self, reason: str, sequence: int | None, error: CallError) -> None:
        self._metrics.refused.labels(reason).inc()
        self._refusals += 1
        await self._websocket.send_json(failure(sequence, error))

    async def _search(self) -> None:
        """Search, and search again after a rest; each live search begins with a request."""
        while True:
            await self._newest.wait()
            search = LiveSearch(
                self._searcher, self._newest, self._tell, self._settings.search_seconds
            )
            try:
                await search.run()
            except CallError as error:
                # The page asks again when it sees fit.
                await self._fail(search.pending, error)

    async def _fail(self, sequence: int | None, error: CallError) -> None:
        self._metrics.searches.labels(error.code.name).inc()
        await self._websocket.send_json(failure(sequence, error))

    async def _tell(self, response: search_pb2.LiveSearchResponse, seconds: float | None) -> None:
        if seconds is not None:
            self._metrics.search_seconds.observe(seconds)
        if response.WhichOneof("outcome") == "status":
            await self._fail(response.sequence, from_status(response.status))
            return
        self._metrics.searches.labels("OK").inc()
        message = answer(response.sequence, response.response, self._settings.shown_fields)
        newest, gallery = self._asked
        # The page shows no older one's photos, and they may be another gallery's.
        if response.sequence == newest:
            self._meanings.note(gallery, message["hits"])
        await self._place(message, response.response)
        await self._websocket.send_json(message)

    async def _place(self, message: dict[str, Any], response: search_pb2.SearchResponse) -> None:
        """Say where on the map the query and the hits lie, if it is this gallery's map."""
        gallery_map = await self._map_file.current()
        if gallery_map is None or gallery_map.fingerprint != response.model_fingerprint:
            return
        if not response.HasField("query_embedding"):
            return
        message["at"] = gallery_map.place(response.query_embedding.vector)
        for hit in message["hits"]:
            hit["at"] = gallery_map.where(hit["id"])
