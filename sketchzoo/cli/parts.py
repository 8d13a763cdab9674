"""The parts of a stack on one machine: how `up` and `demo` start each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sketchzoo.cli.settings import UpSettings
from sketchzoo.cli.stack import Part, free_port


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts in the order of their start, and the environment that their callers need."""

    qdrant: Part
    encoder: Part
    search: Part
    live: Part
    roots_file: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings by which any command finds the parts."""
        return {
            "SKETCHZOO_ENCODER_TARGET": self.encoder.address,
            "SKETCHZOO_SEARCH_TARGET": self.search.address,
            "SKETCHZOO_QDRANT_URL": f"http://{self.qdrant.address}",
            # Where ingest lists the folders that this stack's search may show photos from.
            "SKETCHZOO_GALLERY_ROOTS_FILE": str(self.roots_file),
        }


def map_file(settings: UpSettings) -> Path:
    """Return where the live page's map of the gallery is."""
    return settings.data / "map.npz"


def compose(settings: UpSettings, gallery_roots: Sequence[Path] = ()) -> Parts:
    """Choose ports and settings of every part.

    Photos are served from `gallery_roots` and from what is ingested into this stack.
    """
    qdrant = Part(
        "embedded-qdrant",
        ("embedded-qdrant", "--path", str(settings.data / "qdrant")),
        free_port(settings.qdrant_port),
    )
    encoder = Part(
        "encoder", ("encoder", "--model", settings.model), free_port(settings.encoder_port)
    )
    roots = [argument for root in gallery_roots for argument in ("--gallery-roots", str(root))]
    search = Part("search", ("search", *roots), free_port(settings.search_port))
    # Where the map is not made yet the page goes without, and takes it up when it comes.
    live = Part(
        "live", ("live", "--map-file", str(map_file(settings))), free_port(settings.live_port)
    )
    roots_file = settings.data.resolve() / "gallery-roots"
    found = Parts(qdrant, encoder, search, live, roots_file).environment
    return Parts(
        _placed(qdrant, found),
        _placed(encoder, found),
        _placed(search, found),
        _placed(live, found),
        roots_file,
    )


def _placed(part: Part, environment: dict[str, str]) -> Part:
    arguments = (*part.arguments, "--port", str(part.port), "--metrics-port", "0")
    return Part(part.name, arguments, part.port, environment)
