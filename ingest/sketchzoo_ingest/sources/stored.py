"""Folders elsewhere as trees: in buckets, and behind urls of index pages."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

from sketchzoo.fetch import Url
from sketchzoo.ignored import of_file, of_folder
from sketchzoo.storage import Found, Storage, StorageError, path_in, scheme_of
from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.sources.local import printable, refused
from sketchzoo_ingest.sources.tree import Node

# Folders of a bucket that are listed at once.
_AHEAD = 8
_MAX_PAGE = 32 * 1024 * 1024
# Folders in each other; a server that answers every url alike has no end of them.
_MAX_DEPTH = 64


class BucketTree:
    """A bucket, or what lies below a prefix of it; paths are its uris.

    While a folder's nodes are taken, the next folders among them are listed already: each
    listing waits for the network.
    """

    def __init__(self, uri: str, storage: Storage) -> None:
        """Take a folder that can be listed.

        Raises:
            ValueError: it cannot be; the message says why.

        """
        self._storage = storage
        self._scheme = scheme_of(uri)
        self._pool = ThreadPoolExecutor(_AHEAD, "list")
        self._ahead: dict[str, Future[list[Found]]] = {}
        self.name = printable(uri)
        self.top = uri.rstrip("/")
        try:
            storage.find(self.top)
        except StorageError as error:
            raise ValueError(f"{self.name} {error}") from error

    def nodes(self, folder: str, *, follow: bool = False) -> Iterator[Node]:  # noqa: ARG002 - no store has links
        """Yield what lies right below a folder, in the order of the names."""
        try:
            ahead = self._ahead.pop(folder, None)
            found = ahead.result() if ahead else self._storage.entries(folder)
        except StorageError as error:
            raise refused(error) from error
        within = f"{path_in(folder).strip('/')}/"
        found.sort(key=lambda each: each.path)
        return self._looking_ahead(
            [self._node(each, within) for each in found if not each.name.startswith(".")]
        )

    def _looking_ahead(self, nodes: list[Node]) -> Iterator[Node]:
        coming = deque(node.path for node in nodes if node.is_folder and not node.ignored)
        begun: deque[str] = deque()
        for node in nodes:
            while begun and begun[0] not in self._ahead:
                begun.popleft()
            while coming and len(begun) < _AHEAD and node.is_folder:
                begun.append(coming.popleft())
                self._ahead[begun[-1]] = self._pool.submit(self._storage.entries, begun[-1])
            yield node

    def inner(self, folder: str, name: str) -> str:
        """Return the uri of a folder in a folder."""
        return f"{folder}/{name}"

    def uri(self, path: str) -> str:
        """Return the path, which is a uri."""
        return path

    def origin(self, path: str) -> str:
        """Return the uri, printable."""
        return printable(path)

    def read(self, path: str, limit: int) -> bytes:
        """Return an object's bytes."""
        return _read(self._storage, path, limit)

    def _node(self, found: Found, within: str) -> Node:
        uri = f"{self._scheme}://{found.path}"
        name = found.path.removeprefix(within)
        if not found.path.startswith(within) or not name or "/" in name:
            # `a//b` is a key as good as any, and no path.
            problem = RefusedError(Reason.BAD_NAME, "has a key that is no path")
            return Node(found.path, uri, problem=problem)
        ignored = of_folder(name) if found.is_folder else of_file(name)
        return Node(name, uri, found.is_folder, found.size, found.modified_at, ignored)


class IndexTree:
    """The folders that a web server lists on pages of links; paths are urls."""

    def __init__(self, url: Url, storage: Storage) -> None:
        """Take a page that can be read.

        Raises:
            ValueError: it cannot be; the message says why.

        """
        self._storage = storage
        self.name = printable(url.shown)
        self.top = url.whole
        try:
            storage.read(self.top, _MAX_PAGE)
        except StorageError as error:
            raise ValueError(f"{self.name} {error}") from error

    def nodes(self, folder: str, *, follow: bool = False) -> Iterator[Node]:  # noqa: ARG002 - links are what is listed
        """Yield what a page has links to right below itself, in the order of the names."""
        if folder.count("/") - self.top.count("/") > _MAX_DEPTH:
            why = f"cannot be listed: it lies over {_MAX_DEPTH} folders deep"
            raise RefusedError(Reason.UNREADABLE, why)
        page = _read(self._storage, folder, _MAX_PAGE)
        links = _Links()
        links.feed(page.decode("utf-8", "replace"))
        below = {there for link in links.found if (there := _below(folder, link))}
        return (_linked(folder, there) for there in sorted(below))

    def inner(self, folder: str, name: str) -> str:
        """Return the url of a folder in a folder."""
        return f"{folder}{name}/"

    def uri(self, path: str) -> str:
        """Return the url without user info."""
        return Url.parse(path).text

    def origin(self, path: str) -> str:
        """Return the url without user info, printable."""
        return printable(Url.parse(path).shown)

    def read(self, path: str, limit: int) -> bytes:
        """Return what lies at a url."""
        return _read(self._storage, path, limit)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def _below(folder: str, link: str) -> str:
    """Return what a link adds to its page's url; nothing where it leads elsewhere or deeper."""
    try:
        there = urlsplit(urljoin(Url.parse(folder).text, link))
    except ValueError:
        return ""
    here = urlsplit(Url.parse(folder).text)
    if (there.scheme, there.netloc) != (here.scheme, here.netloc) or there.query:
        return ""
    added = there.path.removeprefix(here.path) if there.path.startswith(here.path) else ""
    name = unquote(added.rstrip("/"))
    return (
        ""
        if name.startswith(".") or "/" in name or added.strip("/") != added.rstrip("/")
        else added
    )


def _linked(folder: str, added: str) -> Node:
    name, is_folder = unquote(added.rstrip("/")), added.endswith("/")
    ignored = of_folder(name) if is_folder else of_file(name)
    return Node(name, folder + added, is_folder=is_folder, ignored=ignored)


def _read(storage: Storage, uri: str, limit: int) -> bytes:
    try:
        return storage.read(uri, limit)
    except StorageError as error:
        raise refused(error) from error
