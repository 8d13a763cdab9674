"""Sending photos from threads: gRPC's take requests, the caller's takes results."""

import threading
import time
from collections.abc import Iterator
from typing import Any

from sketchzoo.client import gallery_calls
from sketchzoo.client.gallery import AddResult, NewPhoto, Source, as_photo
from sketchzoo.client.gallery_ledger import Ledger, Sending


class Sender:
    """Sends a ledger's photos over one stream after the other."""

    def __init__(self, ledger: Ledger, photos: Iterator[NewPhoto | Source], gallery: str) -> None:
        self._ledger = ledger
        self._photos = photos
        self._gallery = gallery
        self._changed = threading.Condition()
        # One thread at a time asks the caller's iterator.
        self._asking = threading.Lock()
        self._stream = 0
        self.error: Exception | None = None

    def has_ended(self) -> bool:
        """Tell whether no more photos come and each has its result."""
        with self._changed:
            return self._ledger.is_done

    def requests(self) -> Iterator[gallery_calls.Request]:
        """Return the requests of one stream."""
        with self._changed:
            self._stream += 1
            stream = self._stream
        return self._requests(stream)

    def answered(self, response: Any) -> AddResult | None:
        """Return a photo's result, if it has one."""
        with self._changed:
            result = self._ledger.answered(response)
            self._changed.notify_all()
        return result

    def failures(self) -> list[AddResult]:
        """Return the photos that could not be sent, once."""
        with self._changed:
            return list(self._ledger.failures())

    def lost(self, error: Any) -> None:
        """Wait until another stream may begin; raises `SearchError` where none may."""
        self.stop()
        with self._changed:
            pause = self._ledger.lost(error)
        time.sleep(pause)

    def ended(self) -> None:
        """Note that a stream ended well; what it did not answer is sent again."""
        self.stop()
        with self._changed:
            self._ledger.unsent()

    def stop(self) -> None:
        """Let threads of the last stream take nothing more."""
        with self._changed:
            self._stream += 1
            self._changed.notify_all()

    def watch(self, stream: Any, seconds: float) -> threading.Event:
        """Cancel a stream on which nothing happens for so long; the event then is set."""
        stuck = threading.Event()
        number = self._stream

        def watching() -> None:
            while True:
                with self._changed:
                    self._changed.wait(min(1.0, seconds / 4))
                    if number != self._stream:
                        return
                    if self._ledger.is_stuck(seconds):
                        stuck.set()
                        break
            stream.cancel()

        threading.Thread(target=watching, daemon=True).start()
        return stuck

    def _requests(self, stream: int) -> Iterator[gallery_calls.Request]:
        while (sending := self._next(stream)) is not None:
            try:
                for request in gallery_calls.photo_requests(
                    sending.index, sending.photo, self._gallery
                ):
                    if stream != self._stream:
                        return
                    self._ledger.touch()
                    yield request
            except OSError as error:
                with self._changed:
                    self._ledger.failed(sending, error)
                    self._changed.notify_all()
            except (TypeError, ValueError) as error:
                with self._changed:
                    self._ledger.dropped(sending)
                self._end(error)

    def _next(self, stream: int) -> Sending | None:
        while True:
            with self._changed:
                if stream != self._stream or self._ledger.is_done:
                    return None
                again = self._ledger.again()
                if isinstance(again, Sending):
                    return again
                if not self._ledger.takes_another:
                    self._changed.wait(again)
                    continue
            photo = self._take(stream)
            if photo is not None:
                return photo

    def _take(self, stream: int) -> Sending | None:
        with self._asking:
            if stream != self._stream or self._ledger.is_exhausted:
                return None
            try:
                photo = as_photo(next(self._photos))
            except StopIteration:
                self._end(None)
                return None
            except Exception as error:  # noqa: BLE001 - raised where the results are awaited
                self._end(error)
                return None
            with self._changed:
                sending = self._ledger.add(photo)
                if stream == self._stream:
                    return sending
                # The stream has ended meanwhile: the next one sends it.
                self._ledger.unsent()
                return None

    def _end(self, error: Exception | None) -> None:
        with self._changed:
            self.error = self.error or error
            self._ledger.is_exhausted = True
            self._changed.notify_all()
