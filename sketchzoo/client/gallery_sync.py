"""The blocking client of the gallery service."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc
from tenacity import Retrying

from sketchzoo.client import arguments, calls, gallery_calls
from sketchzoo.client.calls import Call
from sketchzoo.client.connection import Connection
from sketchzoo.client.errors import DeadlineExceeded
from sketchzoo.client.gallery import (
    AddResult,
    Conditions,
    GalleryStatus,
    NewPhoto,
    Source,
)
from sketchzoo.client.gallery_ledger import Ledger
from sketchzoo.client.gallery_sender import Sender
from sketchzoo.gallery.v1 import gallery_pb2_grpc
from sketchzoo.rpc.channel import ChannelSettings, open_blocking_channel
from sketchzoo.rpc.tls import ClientTls
from sketchzoo.telemetry import span

R = TypeVar("R")
_MAX_MESSAGE_BYTES = 2 * 1024 * 1024


class GalleryClient:
    """Changes galleries through the gallery service at `target`, `host:port`; threads may share it.

    `gallery` is the one meant where a call names none; empty is the service's own. `timeout` is
    a call's deadline in seconds, of `add` how long nothing may happen. What is sent is sent again
    up to `retries` times where the service was away or busy: adding twice changes nothing.
    """

    def __init__(
        self,
        target: str,
        *,
        token: str | None = None,
        tls: ClientTls | None = None,
        gallery: str = "",
        timeout: float = 60.0,
        retries: int = 5,
    ) -> None:
        self._connection = Connection(target, token, tls, timeout, retries, _MAX_MESSAGE_BYTES)
        self._gallery = arguments.text("gallery", gallery)
        self._closed = False
        self._channel = open_blocking_channel(
            ChannelSettings(self._connection.target, tls, max_message_bytes=_MAX_MESSAGE_BYTES)
        )
        self._stub = gallery_pb2_grpc.GalleryServiceStub(self._channel)

    def add(
        self,
        photos: Iterable[NewPhoto | Source],
        *,
        gallery: str | None = None,
        window: int = 16,
    ) -> Iterator[AddResult]:
        """Add photos; yield each one's result once it can be found, in the order they are settled.

        Files go over in pieces, and `photos` is read as they do, in a thread of gRPC's own: at
        most `window` photos are on their way.

        Raises:
            SearchError: the service is away, or refuses the caller; what was yielded stays.
            TypeError, ValueError: a photo makes no sense; raised after the results before it.

        """
        self._check_open()
        ledger = Ledger(arguments.whole("window", window, 1, 1_000), self._connection.retries)
        sender = Sender(ledger, iter(photos), self._named(gallery))
        while not sender.has_ended():
            stream: Any = self._stub.AddPhotos(
                sender.requests(), metadata=self._connection.metadata()
            )
            stuck = sender.watch(stream, self._connection.timeout)
            try:
                for response in stream:
                    result = sender.answered(response)
                    if result is not None:
                        yield result
                    yield from sender.failures()
                sender.ended()
            except grpc.RpcError as error:
                if not stuck.is_set():
                    sender.lost(error)
                # All that never came may be the stream's end.
                elif not sender.has_ended():
                    raise DeadlineExceeded(
                        f"nothing was sent or heard for {self._connection.timeout:g} s"
                    ) from error
            finally:
                sender.stop()
                stream.cancel()
        yield from sender.failures()
        if sender.error is not None:
            raise sender.error

    def delete(
        self,
        photo_ids: Sequence[str] | None = None,
        *,
        gallery: str | None = None,
        timeout: float | None = None,
        **condition: Unpack[Conditions],
    ) -> int:
        """Delete photos by ids, or all that meet a filter; return how many there were.

        Files that the service kept of them go, too; others stay.
        """
        named = self._named(gallery)
        call = gallery_calls.delete(named, photo_ids, condition)
        return self._call(call, timeout)

    def set_payload(
        self,
        photo_id: str,
        *,
        class_name: str | None = None,
        rating: int | None = None,
        payload: Mapping[str, Any] | None = None,
        gallery: str | None = None,
        timeout: float | None = None,
    ) -> bool:
        """Change what is kept of a photo; return whether anything was different.

        An empty class and a rating of 0 take them away, None in `payload` takes a column away.

        Raises:
            NotFound: the gallery has no such photo.

        """
        named = self._named(gallery)
        call = gallery_calls.set_payload(named, photo_id, class_name, rating, payload)
        return self._call(call, timeout)

    def status(self, *, gallery: str | None = None, timeout: float | None = None) -> GalleryStatus:
        """Return what a gallery holds and what is under way."""
        return self._call(gallery_calls.status(self._named(gallery)), timeout)

    def close(self) -> None:
        """Close the connection; calls under way fail."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _named(self, gallery: str | None) -> str:
        return self._gallery if gallery is None else arguments.text("gallery", gallery)

    def _call(self, call: Call[R], timeout: float | None) -> R:
        self._check_open()
        until = self._connection.until(timeout)
        method = getattr(self._stub, call.method)

        def attempt() -> R:
            remaining = max(0.0, until - time.monotonic())
            try:
                with span(f"GalleryService/{call.method}", "client"):
                    answer = method(
                        call.request, timeout=remaining, metadata=self._connection.metadata()
                    )
            except grpc.RpcError as error:
                raise calls.from_rpc_error(error) from error
            return call.read(answer)

        return Retrying(**self._connection.retrying(until))(attempt)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the client is closed")
