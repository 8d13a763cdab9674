"""Photos under way: how many there may be, in all and of one caller."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sketchzoo.limits import NoneLeftError, Shares
from sketchzoo.rpc import exhausted

_RETRY_SECONDS = 1.0


class Pending:
    """Counts photos and bytes that were taken and not answered yet."""

    def __init__(self, photos: int, size: int, share: float, largest: int) -> None:
        """Take `share` of both as what one caller may have, but at least one `largest` photo."""
        self._photos = Shares(photos, max(1, int(photos * share)))
        self._bytes = Shares(size, min(size, max(largest, int(size * share))))
        self._of: Counter[str] = Counter()

    @property
    def photos(self) -> int:
        """How many photos are under way."""
        return self._photos.held

    @property
    def bytes(self) -> int:
        """How many bytes they have."""
        return self._bytes.held

    def of(self, gallery: str) -> int:
        """Return how many of a gallery's photos are under way."""
        return self._of[gallery]

    @contextmanager
    def taking(self, gallery: str, who: str | None, size: int) -> Iterator[None]:
        """Count a photo of `size` bytes; the caller None has no share of its own.

        Raises:
            CallError: RESOURCE_EXHAUSTED with RetryInfo.

        """
        try:
            with self._photos.one(who):
                self._bytes.take(who, size)
                self._of[gallery] += 1
                try:
                    yield
                finally:
                    self._bytes.give(who, size)
                    self._of[gallery] -= 1
                    if not self._of[gallery]:
                        del self._of[gallery]
        except NoneLeftError as error:
            whose = "this caller has" if error.of_share else "there are"
            raise exhausted(
                f"{whose} as many photos under way as may be (max_pending_photos, "
                "max_pending_bytes, pending_share)",
                _RETRY_SECONDS,
            ) from None
