"""The survey: which places a run read photos from, and which it could not look into."""

from dataclasses import dataclass

from sketchzoo_ingest.outcome import Reason, Refusal

# No source has this many places that are worth remembering one by one.
_MAX_UNREAD = 1_000_000
_ANY = ""


@dataclass(frozen=True, slots=True)
class Spared:
    """Why photos stay: a folder's or class's uri, empty for single files, and what met it."""

    place: str
    why: str


EMPTIED = "no photo was found there this time; --prune-empty deletes what was"


class Survey:
    """What a run learned of the places that it listed, by their uris.

    What is not found below a place is gone only where the place itself was read: a disk
    that is away, a folder that may not be listed and a mount point without its disk look
    as if photos were deleted.
    """

    def __init__(self) -> None:
        self._read: set[str] = set()
        self._unread: dict[str, tuple[Reason, str]] = {}
        self._emptied: set[str] = set()

    def read(self, uri: str) -> None:
        """Note that a photo was read, and so the folders above it."""
        while (uri := _above(uri)) not in self._read:
            self._read.add(uri)

    def unread(self, refusal: Refusal) -> None:
        """Note that a file or a folder could not be read."""
        if len(self._unread) < _MAX_UNREAD:
            self._unread[refusal.uri.rstrip("/")] = (refusal.reason, refusal.message)
        else:
            self._unread[_ANY] = (refusal.reason, "too much was refused to remember it")

    def emptied(self, uri: str) -> None:
        """Note that a folder is there and no photo in it."""
        self._emptied.add(uri.rstrip("/"))

    def has_read(self, folder: str) -> bool:
        """Tell whether a photo was read anywhere below a folder."""
        return folder.rstrip("/") in self._read

    def spares(self, uri: str, root: str, *, emptied: bool = False) -> Spared | None:
        """Return why a photo below `root` may yet be there; None where it is gone.

        With `emptied`, what is missing from a class or a folder without photos is gone.
        """
        if (unread := self._unread.get(uri)) is not None:
            return Spared("", f"refused this time: {unread[0]}")
        place = uri
        while place:
            place = _above(place)
            if (unread := self._unread.get(place)) is not None:
                return Spared(place, unread[1])
            if not emptied and place in self._emptied and not self.has_read(place):
                return Spared(place, EMPTIED)
        name, slash, _ = uri.removeprefix(root).partition("/")
        if slash and not emptied and not self.has_read(root + name):
            return Spared(root + name, EMPTIED)
        return None


def _above(uri: str) -> str:
    return uri.rpartition("/")[0]
