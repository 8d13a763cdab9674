"""Shelves: where kept photos lie, a folder or a bucket. Everything here blocks.

A photo's key is `ab/cd/<sha256>.<ending>`; what has another name is not the store's. While a photo
is not answered yet a mark of the same name lies in `.incoming`: what a killed service left there is
looked at when it starts again.
"""

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from sketchzoo.files import sync_folder

MARKS = ".incoming"
_NAME = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,8}")


class Shelf(Protocol):
    """Keeps files by key; raises `OSError`."""

    def uri(self, key: str) -> str:
        """Return the uri of what is kept under a key."""

    def key(self, uri: str) -> str | None:
        """Return the key of a uri, None where it is not that of a photo kept here."""

    def mark(self, keys: Sequence[str]) -> None:
        """Note that what is kept under these keys may be nobody's."""

    def unmark(self, key: str) -> None:
        """Take the note away."""

    def marked(self) -> Iterator[str]:
        """Yield the keys that have a mark."""

    def put(self, file: Path, key: str) -> Path:
        """Keep a file that is whole and synced; return where it can be read on this machine."""

    def delete(self, key: str) -> None:
        """Delete what is kept under a key; a key without is no error."""


class FolderShelf:
    """A folder of this machine; what is put into it is renamed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._marks = self._folder / MARKS
        self._marks.mkdir(parents=True, exist_ok=True)

    def uri(self, key: str) -> str:
        """Return the uri of what is kept under a key."""
        return (self._folder / key).as_uri()

    def key(self, uri: str) -> str | None:
        """Return the key of a uri, None where it does not lie here."""
        return _key(self._folder.as_uri() + "/", uri)

    def mark(self, keys: Sequence[str]) -> None:
        """Note that what is kept under these keys may be nobody's."""
        for key in keys:
            self._mark(key).touch()
        sync_folder(self._marks)

    def unmark(self, key: str) -> None:
        """Take the note away; a mark that comes back with the power costs a look at the start."""
        self._mark(key).unlink(missing_ok=True)

    def marked(self) -> Iterator[str]:
        """Yield the keys that have a mark."""
        for each in sorted(self._marks.iterdir()):
            if _NAME.fullmatch(each.name):
                yield key_of(each.name)

    def put(self, file: Path, key: str) -> Path:
        """Keep a file that is whole and synced; return where it can be read on this machine."""
        path = self._folder / key
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(path.parent.parent)
            sync_folder(self._folder)
        file.replace(path)
        sync_folder(path.parent)
        return path

    def delete(self, key: str) -> None:
        """Delete what is kept under a key; a key without is no error."""
        (self._folder / key).unlink(missing_ok=True)

    def _mark(self, key: str) -> Path:
        return self._marks / Path(key).name


class BucketShelf:
    """A bucket, or a folder of one, by fsspec; what is put into it stays here until it is read."""

    def __init__(self, url: str) -> None:
        import fsspec  # noqa: PLC0415 - only who keeps photos in a bucket needs it

        self._url = url.rstrip("/")
        files: tuple[Any, str] = fsspec.core.url_to_fs(self._url, use_listings_cache=False)
        self._files, self._path = files

    def uri(self, key: str) -> str:
        """Return the uri of what is kept under a key."""
        return f"{self._url}/{key}"

    def key(self, uri: str) -> str | None:
        """Return the key of a uri, None where it does not lie here."""
        return _key(self._url + "/", uri)

    def mark(self, keys: Sequence[str]) -> None:
        """Note that what is kept under these keys may be nobody's."""
        with _as_of_files():
            for key in keys:
                self._files.pipe_file(self._mark(key), b"")

    def unmark(self, key: str) -> None:
        """Take the note away."""
        self._remove(self._mark(key))

    def marked(self) -> Iterator[str]:
        """Yield the keys that have a mark."""
        try:
            with _as_of_files():
                listed = self._files.ls(f"{self._path}/{MARKS}", detail=False, refresh=True)
        except FileNotFoundError:
            return
        for path in listed:
            name = str(path).rpartition("/")[2]
            if _NAME.fullmatch(name):
                yield key_of(name)

    def put(self, file: Path, key: str) -> Path:
        """Keep a file that is whole; return where it can be read on this machine."""
        with _as_of_files():
            self._files.put_file(str(file), f"{self._path}/{key}")
        return file

    def delete(self, key: str) -> None:
        """Delete what is kept under a key; a key without is no error."""
        self._remove(f"{self._path}/{key}")

    def _mark(self, key: str) -> str:
        return f"{self._path}/{MARKS}/{key.rpartition('/')[2]}"

    def _remove(self, path: str) -> None:
        with suppress(FileNotFoundError), _as_of_files():
            self._files.rm_file(path)


@contextmanager
def _as_of_files() -> Iterator[None]:
    """Raise `OSError` for what a store's library fails with, which has no base class in common."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"its library failed with {type(error).__name__}") from error


def open_shelf(place: str) -> Shelf:
    """Return the shelf at a folder's path or a bucket's url.

    Raises:
        OSError: the folder can't be made.
        ValueError: fsspec knows no such url; ImportError where it is not installed.

    """
    if "://" not in place:
        return FolderShelf(Path(place))
    if place.startswith("file://"):
        raise ValueError(f"store must be a folder's path or a bucket's url, not {place}")
    return BucketShelf(place)


def key_of(name: str) -> str:
    """Return the key of `<sha256>.<ending>`."""
    return f"{name[:2]}/{name[2:4]}/{name}"


def _key(prefix: str, uri: str) -> str | None:
    """Return the key of a uri below a prefix; any other may lead elsewhere, by dots for one."""
    name = uri.rpartition("/")[2]
    key = key_of(name)
    return key if _NAME.fullmatch(name) and uri == prefix + key else None


def is_local(place: str) -> bool:
    """Tell whether a store's place is a folder of this machine."""
    return "://" not in place and not place.startswith("file:")
