"""The manifests that come with SketchZoo."""

from importlib import resources
from pathlib import Path

MANIFESTS = {
    "open-animals": "photos of animals on Flickr under CC BY 2.0, picked from the NIPS 2017 "
    "development set",
}
"""By name, with what each holds."""


def find(name: str) -> Path:
    """Return the path of a manifest that comes along, or of the user's own file.

    Raises `FileNotFoundError` naming what there is.
    """
    if name in MANIFESTS:
        return Path(str(resources.files("sample_gallery.fetch") / "manifests" / f"{name}.csv"))
    path = Path(name)
    if path.is_file():
        return path
    known = ", ".join(MANIFESTS)
    raise FileNotFoundError(f"{name} is neither a manifest's file nor one of: {known}")
