"""The walk-through that `sketchzoo demo` runs, step by step."""

import os
import shlex
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local_stack.parts import Parts, map_file, start, start_page
from local_stack.program import near, program
from local_stack.settings import UpSettings
from local_stack.stack import Server, Stack, StackError
from local_stack.stopping import Stopped
from sketchzoo.cli import hits
from sketchzoo.cli.tables import show
from sketchzoo.client import ClassCounts, Client, SearchError, SearchResult
from sketchzoo.contact_sheet import Row, Tile, contact_sheet
from sketchzoo.images import ImageError, decode
from sketchzoo.running import HeldFolder

_K = 12
# The stages that tell sketches apart; the first one's table has all.
_STAGES = ("encode", "query", "total")
# What a photo shows that nobody has named and the model is not sure of.
_UNKNOWN = "?"
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
# What the commands it runs say is its own to tell: of them only warnings, in words.
_QUIET = {"SKETCHZOO_LOG_LEVEL": "warning", "SKETCHZOO_LOG_FORMAT": "console"}


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

    def run(self, folder: HeldFolder, *, once: bool) -> None:
        """Run every step; with `once` stop the services at the end.

        Raises:
            StackError: a part failed.

        """
        settings = self._settings
        drawn = (settings.data / "drawn-gallery").resolve()
        gallery = self._photos or drawn
        # Search serves photos of a folder that is there when it starts.
        gallery.mkdir(parents=True, exist_ok=True)
        # A gallery of an earlier run is still searched.
        roots = [gallery, drawn] if self._photos and drawn.is_dir() else [gallery]
        with Stack(settings.data / "logs", lock=folder.lock) as stack:
            self._say("starting embedded Qdrant, the encoder, search, gallery and the live page")
            parts = start(stack, settings, roots)
            page = start_page(stack, settings, parts)
            folder.publish(parts.environment)
            for moved in settings.moved(parts.ports | {"live": page.port}):
                self._say(moved)
            sketches = self._draw(stack, gallery)
            for server in (parts.qdrant, parts.encoder):
                stack.wait_serving(server)
            self._say(f"encoder and Qdrant serve; ingesting {gallery}")
            self._run(stack, "ingest", str(gallery), environment=parts.environment)
            stack.wait_serving(parts.search)
            self._say("search serves")
            examples = self._examples(sketches, self._contents(parts))
            sheet = self._search(parts, examples)
            if not once:
                self._invite(parts, page, examples)
            self._line(f"contact sheet: {sheet}")
            if not once:
                self._map(stack, parts)
                stack.run_until_stopped()

    def _draw(self, stack: Stack, gallery: Path) -> Path:
        """Draw what is missing; return the folder of example sketches, a folder each class."""
        if self._photos is None:
            self._say(f"drawing a sample in {gallery}")
            self._run(stack, "sample", "draw", str(gallery), "--replace")
            return gallery / "sketch"
        own = self._photos / "sketch"
        if own.is_dir():
            return own
        drawn = (self._settings.data / "example-sketches").resolve()
        self._say(f"drawing example sketches in {drawn}")
        arguments = ("--pictures", "0", "--sketches", "1", "--replace")
        self._run(stack, "sample", "draw", str(drawn), *arguments)
        return drawn / "sketch"

    def _contents(self, parts: Parts) -> ClassCounts:
        """Ask what the gallery holds, and tell it: people's classes, or what the model sees."""
        try:
            with Client(parts.search.address) as client:
                counts = client.list_classes()
        except SearchError as error:
            raise StackError(f"asking search for the gallery's classes: {error}") from error
        if counts.named:
            self._say(f"{counts.total} photos of {len(counts.named)} classes")
        elif counts.seen:
            self._say(f"{counts.total} photos without classes; the model sees {_most(counts.seen)}")
        else:
            self._say(f"{counts.total} photos without classes; the model is sure of none")
        return counts

    def _examples(self, folder: Path, contents: ClassCounts) -> list[Example]:
        """Return one sketch a class, of classes that the gallery holds if there are any.

        Where nobody named any, these are what the model sees, the most frequent first.
        """
        found = [
            Example(min(pictures), each.name)
            for each in sorted(path for path in folder.iterdir() if path.is_dir())
            if (pictures := [p for p in each.iterdir() if p.suffix.lower() in _PICTURES])
        ]
        if contents.named:
            found = [each for each in found if each.class_name in contents.named] or found
        elif seen := [each for each in found if each.class_name in contents.seen]:
            return sorted(seen, key=lambda each: -contents.seen[each.class_name])[: self._sketches]
        if not found:
            raise StackError(f"{folder} holds no sketches: none to search with")
        step = max(1, len(found) // self._sketches)
        return found[::step][: self._sketches]

    def _search(self, parts: Parts, examples: list[Example]) -> Path:
        rows: list[Row] = []
        table = Table(title="Example sketches (times in ms)", title_justify="left")
        for name in ("sketch", "hits", "best", "last", f"P@{_K}", *_STAGES):
            justify: Literal["left", "right"] = "left" if name in ("sketch", "hits") else "right"
            table.add_column(name, justify=justify, no_wrap=True)
        with Client(parts.search.address) as client:
            for example in examples:
                try:
                    picture = decode(example.path.read_bytes())
                    result = client.search(example.path, limit=_K)
                    tile = Tile(picture, f"{example.class_name} (sketch)")
                    rows.append(hits.row(tile, result, client, example.class_name))
                except (SearchError, ImageError) as error:
                    raise StackError(f"searching with {example.path}: {error}") from error
                table.add_row(*_cells(example, result))
                if len(rows) == 1:
                    show(self._console, hits.table(f"{example.class_name} sketch", result))
                    self._line("")
        show(self._console, table)
        path = self._settings.data / "contact-sheet.png"
        contact_sheet(rows).save(path)
        return path

    def _map(self, stack: Stack, parts: Parts) -> None:
        """Make the page's map while the first visitor draws; the page takes it up by itself."""
        arguments = ("map", "--out", str(map_file(self._settings)))
        with suppress(Stopped):  # which ends what follows, too
            if self._status(stack, "live", *arguments, environment=parts.environment) != 0:
                self._line("the page goes without its map")

    def _run(
        self,
        stack: Stack,
        name: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        status = self._status(stack, name, *arguments, environment=environment)
        if status != 0:
            raise StackError(f"sketchzoo {name} {' '.join(arguments)} ended with status {status}")

    def _status(
        self,
        stack: Stack,
        name: str,
        *arguments: str,
        environment: Mapping[str, str] | None,
    ) -> int:
        quiet = {key: value for key, value in _QUIET.items() if not os.environ.get(key)}
        return stack.run(name, arguments, {**quiet, **(environment or {})})

    def _invite(self, parts: Parts, page: Server, examples: list[Example]) -> None:
        self._say("up")
        self._line(f"search (gRPC)  {parts.search.address}")
        self._line(f"gallery (gRPC) {parts.gallery.address}")
        self._line(f"draw           http://{page.address}")
        self._line(f"try            {program()} query {shlex.quote(near(examples[0].path))}")
        self._line("Ctrl-C stops all.")

    def _say(self, what: str) -> None:
        seconds = time.perf_counter() - self._start
        self._line(Text.assemble((f"{seconds:5.1f} s", "dim"), f"  {what}"))

    def _line(self, text: str | Text) -> None:
        # Brackets in a path are no markup, and a path is not folded.
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def _most(counts: Mapping[str, int], most: int = 5) -> str:
    shown = [f"{name} ({count})" for name, count in Counter(counts).most_common(most)]
    return ", ".join(shown) + (", ..." if len(counts) > most else "")


def _cells(example: Example, result: SearchResult) -> list[str]:
    found = Counter(hit.class_name or hit.seen_class or _UNKNOWN for hit in result.hits)
    right = found[example.class_name] / _K
    scores = [f"{hit.score:.3f}" for hit in result.hits] or ["-"]
    return [
        example.class_name,
        ", ".join(f"{count} {name}" for name, count in found.most_common()),
        scores[0],
        scores[-1],
        f"{right:.2f}" if found.keys() - {_UNKNOWN} else "-",
        *(f"{seconds * 1000:.1f}" for stage, seconds in hits.stages(result) if stage in _STAGES),
    ]
