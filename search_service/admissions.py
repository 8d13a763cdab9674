"""Admissions: places for calls of each kind, so that none can take another's."""

from collections.abc import Callable
from dataclasses import dataclass

from search_service.load_shedding import LoadShedding
from sketchzoo.rpc import CallError

# Methods that hold a place for photos.
_PHOTO_METHODS = ("ListClasses", "ListFolders", "GetGallery", "ListGalleries", "GetPhoto")


@dataclass(frozen=True, slots=True)
class Admissions:
    """The places for calls of each kind."""

    searches: LoadShedding
    batches: LoadShedding
    streams: LoadShedding
    photos: LoadShedding
    downloads: LoadShedding

    def checks(self, refused: Callable[[CallError], None]) -> dict[str, Callable[[], None]]:
        """Return what refuses a method's call before its message is read.

        `refused` is told of each search that is.
        """

        def check_searches() -> None:
            try:
                self.searches.check()
            except CallError as error:
                refused(error)
                raise

        return {
            "Search": check_searches,
            "BatchSearch": self.batches.check,
            "DownloadPhoto": self.downloads.check,
            **dict.fromkeys(_PHOTO_METHODS, self.photos.check),
        }
