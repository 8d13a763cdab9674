"""Shards: tar files of photos, and what lies beside each in webdataset's layout.

Members in a row whose names are alike up to the first dot of the last part are one sample:
`cat/1.jpg`, `cat/1.json`, `cat/1.cls` and `cat/1.txt` are a photo, its columns, its class and its
caption.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from sketchzoo.ignored import Ignored, of_file, of_folder
from sketchzoo_ingest.outcome import Reason, RefusedError

# What stands beside a photo is read into memory, and so are a tar file's own headers.
_MAX_BESIDE = 1024 * 1024
_MAX_HEADER = 16 * 1024 * 1024
_MAX_NAME = 4096  # characters; no system has longer paths
# A sample has a handful of members; a run of one name ends here.
_MAX_MEMBERS = 256
_BESIDE = ("json", "cls", "txt")
# What its reader raises; for each long name of a long name it calls itself.
_DAMAGED = (tarfile.TarError, OSError, ValueError, OverflowError, EOFError, RecursionError)


@dataclass(frozen=True, slots=True)
class File:
    """A member that may be a photo: its name, where its bytes begin, and how many they are."""

    name: str
    first: int
    size: int


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A member that cannot be a photo, and why; its name is empty for the rest of the file."""

    name: str
    error: RefusedError


@dataclass(slots=True)
class Sample:
    """Members of one name: photos, what is beside them, what was passed over or is spoilt."""

    key: str = ""
    photos: list[File] = field(default_factory=list)
    beside: dict[str, Any] = field(default_factory=dict)
    ignored: list[Ignored] = field(default_factory=list)
    spoilt: list[Spoilt] = field(default_factory=list)
    members: int = 0
    beside_bytes: int = 0

    def photo_members(self) -> list[File]:
        """Return its photos: those of one ending, where there are such.

        `1.jpg` goes before `1.mask.png`, which is a note on it; `IMG.1.jpg` alone is a photo.
        """
        plain = [file for file in self.photos if _ending(file.name).count(".") == 0]
        return plain or self.photos


def samples(file: BinaryIO) -> Iterator[Sample]:
    """Yield an uncompressed tar file's samples in their order; memory does not grow with it.

    What is damaged ends the listing with a spoilt member without a name.
    """
    sample = Sample()
    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        headers = _Headers(file)
        with tarfile.open(fileobj=headers, mode="r:", errorlevel=0) as tar:  # type: ignore[call-overload]
            while (member := headers.next_of(tar)) is not None:
                tar.members = []  # it would keep them all
                key = _key(member.name)
                if sample.members and (key != sample.key or sample.members == _MAX_MEMBERS):
                    yield sample
                    sample = Sample()
                sample.key = key
                sample.members += 1
                if member.isfile() and member.offset_data + member.size > size:
                    raise tarfile.ReadError("it is cut off")
                _take(sample, member, file)
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                # Its reader takes what it cannot read for the end.
                raise tarfile.ReadError(f"it is damaged or cut off at byte {tar.offset}")
    except (
        tarfile.TarError,
        OSError,
        ValueError,
        OverflowError,
        EOFError,
        RecursionError,
    ) as error:
        cause = RefusedError(Reason.UNREADABLE, f"cannot be read as a tar file: {error}")
        sample.spoilt.append(Spoilt("", cause))
    if sample.members or sample.spoilt:
        yield sample


def _take(sample: Sample, member: tarfile.TarInfo, file: BinaryIO) -> None:
    name = member.name.removeprefix("./").strip("/")
    parts = PurePosixPath(name).parts
    if member.isdir() or not parts or any(part.startswith(".") and part != ".." for part in parts):
        return
    if any(of_folder(part) for part in parts[:-1]):
        sample.ignored.append(Ignored.SYSTEM_FOLDER)
    elif not member.isfile() or member.issparse():
        what = "is a link" if member.issym() or member.islnk() else "is not a file"
        sample.spoilt.append(Spoilt(name, RefusedError(Reason.NOT_A_FILE, what)))
    elif len(name) > _MAX_NAME:
        wrong = f"has a name of over {_MAX_NAME} characters"
        sample.spoilt.append(Spoilt(name[:100], RefusedError(Reason.BAD_NAME, wrong)))
    elif ".." in parts:
        wrong = "has a name that leads out of its tar file"
        sample.spoilt.append(Spoilt(name, RefusedError(Reason.BAD_NAME, wrong)))
    elif _ending(name) in _BESIDE and sample.beside_bytes + member.size <= _MAX_BESIDE:
        sample.beside_bytes += member.size
        sample.beside |= _beside(_ending(name), _bytes(file, member))
    elif (kind := of_file(name)) is not None:
        sample.ignored.append(kind)
    else:
        sample.photos.append(File(name, member.offset_data, member.size))


def _beside(ending: str, content: bytes) -> dict[str, Any]:
    """Return the columns that stand in a member; nothing where it has none."""
    text = content.decode("utf-8", "replace").strip()
    if ending == "cls":
        return {"class": text}
    if ending == "txt":
        return {"caption": text}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _bytes(file: BinaryIO, member: tarfile.TarInfo) -> bytes:
    file.seek(member.offset_data)
    return file.read(member.size)


def _key(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _ending(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[2].lower()


class _Headers:
    """A tar file as its reader sees it: headers alone, none larger than memory should hold."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left, self._end = _MAX_HEADER, 0
        self.tell, self.seek = file.tell, file.seek

    def next_of(self, tar: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Return the next member, None at the end."""
        self._left = _MAX_HEADER
        member = tar.next()
        if member is not None and tar.offset <= self._end:
            raise tarfile.ReadError("a member has a size below 0")
        self._end = tar.offset
        return member

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._left:
            raise tarfile.ReadError(f"a member's headers have over {_MAX_HEADER} bytes")
        self._left -= size
        return self._file.read(size)
