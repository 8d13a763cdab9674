"""The parts of a stack on one machine: how `up` and `demo` start each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local_stack.settings import UpSettings
from local_stack.stack import Part, Server, Stack

# Where ingest lists the folders that this stack's search may show photos from.
ROOTS_FILE = "SKETCHZOO_GALLERY_ROOTS_FILE"


@dataclass(frozen=True, slots=True)
class Parts:
    """The services of a stack that runs."""

    qdrant: Server
    encoder: Server
    search: Server
    gallery: Server
    roots_file: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings by which any command finds them."""
        return {
            **_found(self.qdrant, self.encoder),
            "SKETCHZOO_SEARCH_TARGET": self.search.address,
            "SKETCHZOO_GALLERY_TARGET": self.gallery.address,
            ROOTS_FILE: str(self.roots_file),
        }

    @property
    def ports(self) -> dict[str, int]:
        """Return where they listen."""
        return {
            "qdrant": self.qdrant.port,
            "encoder": self.encoder.port,
            "search": self.search.port,
            "gallery": self.gallery.port,
        }


def map_file(settings: UpSettings) -> Path:
    """Return where the live page's map of the gallery is."""
    return settings.data / "map.npz"


def encoder(settings: UpSettings) -> Part:
    """Return the encoder, to be started."""
    arguments = ("encoder", "--model", settings.model, "--metrics-port", "0")
    return Part("encoder", arguments, settings.encoder_port)


def start(stack: Stack, settings: UpSettings, gallery_roots: Sequence[Path] = ()) -> Parts:
    """Start the services; return them once they listen.

    Photos are served from `gallery_roots` and from what is ingested into this stack.

    Raises:
        StackError: one has ended.

    """
    storage = ("--path", str(settings.data / "qdrant"), "--metrics-port", "0")
    parts = (
        Part("embedded-qdrant", ("embedded-qdrant", *storage), settings.qdrant_port),
        encoder(settings),
    )
    for part in parts:
        stack.start(part)
    qdrant_server, encoder_server = (stack.listening(part) for part in parts)
    # Photos that are sent lie there; search shows them as it shows those that were ingested.
    store = settings.data.resolve() / "kept-photos"
    store.mkdir(parents=True, exist_ok=True)
    shown = [root for each in (*gallery_roots, store) for root in ("--gallery-roots", str(each))]
    roots_file = settings.data.resolve() / "gallery-roots"
    found = _found(qdrant_server, encoder_server)
    search = Part(
        "search",
        ("search", *shown, "--metrics-port", "0"),
        settings.search_port,
        {**found, ROOTS_FILE: str(roots_file)},
    )
    gallery = Part(
        "gallery",
        ("gallery", "serve", "--store", str(store), "--metrics-port", "0"),
        settings.gallery_port,
        found,
    )
    for part in (search, gallery):
        stack.start(part)
    return Parts(
        qdrant_server,
        encoder_server,
        stack.listening(search),
        stack.listening(gallery),
        roots_file,
    )


def start_page(stack: Stack, settings: UpSettings, parts: Parts) -> Server:
    """Start the live page; return it once it listens.

    Where the map is not made yet the page goes without, and takes it up when it comes.

    Raises:
        StackError: it has ended.

    """
    arguments = ("live", "--map-file", str(map_file(settings)), "--metrics-port", "0")
    live = Part("live", arguments, settings.live_port, parts.environment)
    stack.start(live)
    return stack.listening(live)


def _found(qdrant: Server, encoder: Server) -> dict[str, str]:
    return {
        "SKETCHZOO_QDRANT_URL": f"http://{qdrant.address}",
        "SKETCHZOO_ENCODER_TARGET": encoder.address,
    }
