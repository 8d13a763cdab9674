"""The walk-through that `sketchzoo demo` runs, step by step."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sketchzoo.cli import hits
from sketchzoo.cli.parts import Parts, compose, map_file
from sketchzoo.cli.settings import UpSettings
from sketchzoo.cli.stack import Stack, StackError
from sketchzoo.cli.waiting import until_stopped
from sketchzoo.client import Client, SearchResult
from sketchzoo.contact_sheet import Row, Tile, contact_sheet
from sketchzoo.images import decode

_K = 12


@dataclass(frozen=True, slots=True)
class Example:
    """A sketch to search with, and the class of what it shows."""

    path: Path
    class_name: str


class Walkthrough:
    """Services up, gallery in, sketches asked, contact sheet written."""

    def __init__(
        self, settings: UpSettings, console: Console, photos: Path | None, sketches: int
    ) -> None:
        self._settings = settings
        self._console = console
        self._photos = photos.resolve() if photos else None
        self._sketches = sketches
        self._start = time.perf_counter()

    def run(self, *, once: bool) -> None:
        """Run every step; with `once` stop the services at the end.

        Raises:
            StackError: a part failed.

        """
        drawn = (self._settings.data / "drawn-gallery").resolve()
        gallery = self._photos or drawn
        parts = compose(self._settings, [gallery])
        with Stack(self._settings.data / "logs") as stack:
            self._say("starting embedded Qdrant and the encoder")
            for part in (parts.qdrant, parts.encoder):
                stack.start(part)
            # The example sketches are drawn too where the photos are the user's own.
            self._run(stack, "gallery", "draw", str(drawn), "--replace")
            for part in (parts.search, parts.live):
                stack.start(part)
            for part in (parts.qdrant, parts.encoder):
                stack.wait_serving(part)
            self._say(f"encoder and Qdrant serve; ingesting {gallery}")
            self._run(stack, "ingest", str(gallery), environment=parts.environment)
            stack.wait_serving(parts.search)
            self._say("search serves")
            sheet = self._search(parts, self._examples(drawn))
            if not once:
                arguments = ("map", "--out", str(map_file(self._settings)))
                self._run(stack, "live", *arguments, environment=parts.environment)
                self._invite(parts)
                self._console.print(f"contact sheet: {sheet}", highlight=False, soft_wrap=True)
                until_stopped(stack)
        if once:
            self._console.print(f"contact sheet: {sheet}", highlight=False, soft_wrap=True)

    def _examples(self, drawn: Path) -> list[Example]:
        """Return sketches of the gallery's own classes, or drawn ones where it has none."""
        own = self._photos / "sketch" if self._photos else drawn / "sketch"
        folder = own if own.is_dir() else drawn / "sketch"
        classes = sorted(path for path in folder.iterdir() if path.is_dir())
        if self._photos is not None:
            nested = self._photos / "photo"
            named = {p.name for p in (nested if nested.is_dir() else self._photos).iterdir()}
            # Sketches of classes that the gallery has, if there are any.
            classes = [path for path in classes if path.name in named] or classes
        step = max(1, len(classes) // self._sketches)
        return [
            Example(min(folder.iterdir()), folder.name)
            for folder in classes[::step][: self._sketches]
        ]

    def _search(self, parts: Parts, examples: list[Example]) -> Path:
        rows: list[Row] = []
        table = Table(title="Example sketches", title_justify="left")
        for name in ("sketch", "hits", "best score", "last score", f"P@{_K}"):
            table.add_column(name, justify="left" if name in ("sketch", "hits") else "right")
        for stage in ("decode", "queue", "encode", "query", "total"):
            table.add_column(f"{stage} ms", justify="right")
        with Client(parts.search.address) as client:
            for example in examples:
                result = client.search(example.path, limit=_K)
                table.add_row(*_cells(example, result))
                if not rows:
                    self._console.print(hits.table(f"{example.class_name} sketch", result))
                tile = Tile(decode(example.path.read_bytes()), f"{example.class_name} (sketch)")
                rows.append(hits.row(tile, result, client, example.class_name))
        self._console.print(table)
        path = self._settings.data / "contact-sheet.png"
        contact_sheet(rows).save(path)
        return path

    def _run(
        self, stack: Stack, name: str, *arguments: str, environment: dict[str, str] | None = None
    ) -> None:
        status = stack.run(name, arguments, environment or {})
        if status != 0:
            raise StackError(f"sketchzoo {name} {' '.join(arguments)} ended with status {status}")

    def _invite(self, parts: Parts) -> None:
        self._say("up")
        self._console.print(f"search (gRPC)  {parts.search.address}", highlight=False)
        self._console.print(f"draw           http://{parts.live.address}", highlight=False)
        self._console.print(
            f"try            sketchzoo query SKETCH.png --target {parts.search.address}",
            highlight=False,
        )
        self._console.print("Ctrl-C stops all.")

    def _say(self, what: str) -> None:
        seconds = time.perf_counter() - self._start
        self._console.print(f"[dim]{seconds:5.1f} s[/dim]  {what}", highlight=False)


def _cells(example: Example, result: SearchResult) -> list[str]:
    found = Counter(hit.class_name for hit in result.hits)
    right = found[example.class_name] / _K
    scores = [f"{hit.score:.3f}" for hit in result.hits] or ["-"]
    return [
        example.class_name,
        ", ".join(f"{count} {name}" for name, count in found.most_common()),
        scores[0],
        scores[-1],
        f"{right:.2f}",
        *(f"{seconds * 1000:.1f}" for _, seconds in hits.stages(result)),
    ]
