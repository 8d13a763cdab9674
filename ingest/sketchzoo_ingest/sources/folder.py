"""A folder of photos, of whatever order, on a disk or in a store."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from sketchzoo.class_names import composed
from sketchzoo_ingest.outcome import Refusal, RefusedError
from sketchzoo_ingest.sources.disk import DiskTree
from sketchzoo_ingest.sources.gallery_layout import Layout, layout
from sketchzoo_ingest.sources.local import LocalUris, printable
from sketchzoo_ingest.sources.source import (
    Candidate,
    Classes,
    ClassFrom,
    Emptied,
    Entry,
    PassedOver,
    check_class,
)
from sketchzoo_ingest.sources.tree import Node, Tree


@dataclass(slots=True)
class _Open:
    """A folder whose nodes are being listed, and how many photos were listed before it."""

    path: str
    folder: str
    class_name: str
    nodes: Iterator[Node]
    photos_before: int
    is_whole: bool = True


class TreeSource:
    """Lists all photos of a tree, in the order of their names.

    Where classes come from folders, the first one below the root names the class, however
    deep the file lies in it; what lies at the top has none. Hidden files and folders (their
    names start with a dot) are not looked at, and files of no photo are passed over (see
    `sketchzoo.ignored`). Links to files and to the first folders are followed, links to folders
    further down are not.
    """

    def __init__(self, tree: Tree, class_from: ClassFrom | None = None) -> None:
        """Take a tree, and look where its classes come from unless that is said.

        Raises:
            ValueError: a folder has no column.

        """
        if class_from is ClassFrom.COLUMN:
            raise ValueError(
                f"{tree.name} is a folder and has no column: --class-from must be folder or none"
            )
        self._tree = tree
        self._layout: Layout = layout(tree, class_from)
        self.name = tree.name

    @property
    def classes(self) -> Classes:
        """Where the classes come from."""
        return self._layout.classes

    @property
    def root(self) -> str | None:
        """The folder's own uri."""
        return self._tree.uri(self._layout.top).rstrip("/") + "/"

    def candidates(self, at: Collection[str] | None = None) -> Iterator[Entry]:
        """Yield every file, folder by folder; with `at` those at these paths and below alone."""
        above = (
            None if at is None else {str(each) for path in at for each in PurePath(path).parents}
        )
        # By hand: folders may be nested deeper than Python calls itself.
        photos = 0
        opened: list[_Open] = []
        try:
            nodes = self._tree.nodes(self._layout.top, follow=True)
        except RefusedError as error:
            yield self._refuse(self._layout.top, error)
            return
        is_whole = at is None or self._layout.top in at
        opened.append(_Open(self._layout.top, "", "", iter(nodes), photos, is_whole))
        while opened:
            here = opened[-1]
            node = next(here.nodes, None)
            if node is None:
                opened.pop()
                if opened and here.is_whole and here.photos_before == photos:
                    yield Emptied(self._tree.uri(here.path))
                continue
            is_whole = here.is_whole or at is None or node.path in at
            if not is_whole and above is not None and node.path not in above:
                continue
            if node.ignored is not None:
                yield PassedOver(node.ignored)
            elif node.problem is not None:
                yield self._refuse(node.path, node.problem)
            elif node.is_folder:
                try:
                    entered = self._enter(node, here, photos, is_first=len(opened) == 1)
                    opened.append(replace(entered, is_whole=is_whole))
                except RefusedError as error:
                    yield self._refuse(node.path, error)
            else:
                photos += 1
                yield self._candidate(node, here)

    def read(self, candidate: Candidate, limit: int) -> bytes:
        """Return a file's bytes."""
        return self._tree.read(candidate.location, limit)

    def _enter(self, node: Node, above: _Open, photos: int, *, is_first: bool) -> _Open:
        class_name = above.class_name
        if is_first and self._layout.classes.of is ClassFrom.FOLDER:
            class_name = check_class(node.name)
        name = printable(composed(node.name))
        folder = f"{above.folder}/{name}" if above.folder else name
        return _Open(node.path, folder, class_name, iter(self._tree.nodes(node.path)), photos)

    def _candidate(self, node: Node, folder: _Open) -> Candidate:
        return Candidate(
            uri=self._tree.uri(node.path),
            class_name=folder.class_name,
            location=node.path,
            origin=self._tree.origin(node.path),
            size=node.size,
            folder=folder.folder,
            file_name=printable(composed(node.name)),
            modified_at=node.modified_at,
        )

    def _refuse(self, path: str, error: RefusedError) -> Refusal:
        origin, uri = self._tree.origin(path), self._tree.uri(path)
        return Refusal(origin, error.reason, error.message, uri)


class FolderSource(TreeSource):
    """A folder of this machine."""

    def __init__(
        self, folder: Path, uris: LocalUris | None = None, class_from: ClassFrom | None = None
    ) -> None:
        """Take a folder that exists.

        Raises:
            ValueError: it is not a folder, or has no such classes.

        """
        super().__init__(DiskTree(folder, uris), class_from)

    @property
    def top(self) -> Path:
        """The folder that the listing begins at."""
        return Path(self._layout.top)

    def uri(self, path: str) -> str:
        """Return the uri of a path in the folder."""
        return self._tree.uri(path)

    def folder(self, path: str) -> str:
        """Return what a photo has as its folder that lies right in this one."""
        parts = Path(path).relative_to(self.top).parts
        return "/".join(printable(composed(part)) for part in parts)
