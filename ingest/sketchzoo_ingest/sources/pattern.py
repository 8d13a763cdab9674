"""Patterns: many files by one name, as shells and webdataset write them.

`shard-{000..099}.tar` and `{a,b}.tar` name what they say; `shard-*.tar` what is there.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from glob import glob
from itertools import islice
from pathlib import Path

from sketchzoo.storage import Storage, StorageError, scheme_of

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})")
_WILD = re.compile(r"[*?\[]")
_MAX_SHARDS = 100_000
_WEB = ("http", "https")


def expanded(text: str, storage: Storage) -> list[str]:
    """Return the uris of the files that a name or a pattern names, in its order.

    Raises:
        ValueError: there are none, or too many.

    """
    scheme = scheme_of(text)
    if not scheme and Path(text).is_file():
        return [_uri(text)]
    found: list[str] = []
    for name in islice(_braces(text), _MAX_SHARDS + 1):
        if not scheme:
            found += map(_uri, _on_disk(name))
        elif scheme not in _WEB and _WILD.search(name.rpartition("/")[2]):
            found += _in_store(name, storage)
        else:
            found.append(name)
        if len(found) > _MAX_SHARDS:
            raise ValueError(f"a pattern may name {_MAX_SHARDS:,} files, and this one names more")
    if not found:
        raise ValueError(f"{text} does not exist: no file is called so")
    return found


def _braces(text: str) -> Iterator[str]:
    """Yield what braces stand for: `{000..099}` numbers, `{a,b}` each of several."""
    found = _BRACES.search(text)
    if found is None:
        yield text
        return
    before, after = text[: found.start()], text[found.end() :]
    if numbers := _RANGE.fullmatch(found[1]):
        first, last = numbers.groups()
        width = len(first) if first.startswith("0") else 0
        inner: Iterator[str] = (str(n).zfill(width) for n in range(int(first), int(last) + 1))
    else:
        inner = iter(found[1].split(","))
    for each in inner:
        yield from _braces(before + each + after)


def _on_disk(name: str) -> list[str]:
    if not _WILD.search(name) or Path(name).is_file():
        return [name]
    # Patterns are of whole paths, which no folder's own `glob` takes.
    return sorted(path for path in glob(name) if Path(path).is_file())  # noqa: PTH207 - see above


def _in_store(name: str, storage: Storage) -> list[str]:
    folder, _, wanted = name.rpartition("/")
    try:
        entries = storage.entries(folder)
    except StorageError as error:
        raise ValueError(f"{folder} {error}") from error
    scheme = scheme_of(name)
    return sorted(
        f"{scheme}://{entry.path}"
        for entry in entries
        if not entry.is_folder and fnmatchcase(entry.name, wanted)
    )


def _uri(path: str) -> str:
    return Path(path).absolute().as_uri()
