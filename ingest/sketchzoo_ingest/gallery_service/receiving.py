"""Receiving: an AddPhotos stream, headers and pieces in, an answer for each photo out.

The stream is read on while its photos are embedded, up to a limit: past that gRPC's own flow
control holds its caller back. A photo that is refused costs itself alone: its pieces are passed
over, and the stream goes on.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

from sketchzoo.gallery.v1 import gallery_pb2
from sketchzoo.rpc import CallError, invalid
from sketchzoo_ingest.gallery_service.adding import Adding, Arrival
from sketchzoo_ingest.gallery_service.request import parse_gallery, parse_header

MAX_PIECE_BYTES = 1024 * 1024

Requests = AsyncIterator[gallery_pb2.AddPhotosRequest]
Response = gallery_pb2.AddPhotosResponse


class Receiving:
    """One stream of a caller's; `who` is None where he has no share of his own."""

    def __init__(self, adding: Adding, own_gallery: str, who: str | None, photos: int) -> None:
        self._adding = adding
        self._own_gallery = own_gallery
        self._who = who
        self._places = asyncio.Semaphore(photos)
        self._answers: asyncio.Queue[Response | Exception | None] = asyncio.Queue()
        self._settling: set[asyncio.Task[None]] = set()
        self._gallery = ""
        # The photo that pieces belong to, and the bytes of a refused one still to come.
        self._arrival: Arrival | None = None
        self._passing_over = 0

    async def answers(self, requests: Requests) -> AsyncGenerator[Response, None]:
        """Yield each photo's answer as it is settled.

        Raises:
            CallError: INVALID_ARGUMENT, what came is no header and no piece of one;
                PERMISSION_DENIED.

        """
        reading = asyncio.create_task(self._read_all(requests))
        try:
            while (answer := await self._answers.get()) is not None:
                if isinstance(answer, Exception):
                    raise answer
                yield answer
                # Only now: who does not read his answers is not read on.
                self._places.release()
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _read_all(self, requests: Requests) -> None:
        try:
            await self._read(requests)
        except Exception as error:  # noqa: BLE001 - whatever it is, the answers end with it
            self._answers.put_nowait(error)
            return
        finally:
            if self._arrival is not None:
                await self._arrival.close()
        if self._settling:
            await asyncio.wait(self._settling)
        self._answers.put_nowait(None)

    async def _read(self, requests: Requests) -> None:
        first = True
        async for request in requests:
            if first:
                self._gallery = parse_gallery(request.gallery, self._own_gallery)
                first = False
            match request.WhichOneof("part"):
                case "photo":
                    await self._cut_off()
                    await self._begin(request.photo)
                case "piece":
                    await self._piece(request.piece)
                case _:
                    raise invalid("part", "must be photo or piece")
        await self._cut_off()

    async def _begin(self, header: gallery_pb2.PhotoHeader) -> None:
        await self._places.acquire()
        self._passing_over = header.size_bytes
        try:
            new = parse_header(header, self._adding.max_bytes)
            self._arrival = await self._adding.begin(self._gallery, new, self._who)
        except CallError as error:
            self._answers.put_nowait(self._adding.refusal(header.sequence, error))
            return
        self._passing_over = 0
        self._settle_whole()

    async def _piece(self, piece: bytes) -> None:
        if not 1 <= len(piece) <= MAX_PIECE_BYTES:
            raise invalid("piece", f"must have 1 to {MAX_PIECE_BYTES} bytes, not {len(piece)}")
        if self._arrival is None:
            if len(piece) > self._passing_over:
                raise invalid("piece", "belongs to no photo: send its header first")
            self._passing_over -= len(piece)
            return
        try:
            await self._arrival.write(piece)
        except CallError as error:
            await self._refuse(error)
            return
        self._settle_whole()

    async def _cut_off(self) -> None:
        """Refuse a photo whose pieces ended before it was whole."""
        self._passing_over = 0
        if self._arrival is not None:
            missing = self._arrival.missing
            await self._refuse(
                invalid("photo.size_bytes", f"announced {missing} bytes more than came")
            )

    async def _refuse(self, error: CallError) -> None:
        arrival, self._arrival = self._arrival, None
        assert arrival is not None  # noqa: S101 - there is one to refuse
        # What else comes of it is passed over up to its size, then the stream is out of step.
        self._passing_over = max(0, arrival.missing)
        await arrival.close()
        self._answers.put_nowait(self._adding.refusal(arrival.new.sequence, error))

    def _settle_whole(self) -> None:
        arrival = self._arrival
        if arrival is None or arrival.missing:
            return
        self._arrival = None
        task = self._adding.settle(self._gallery, arrival, self._answers.put_nowait)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
