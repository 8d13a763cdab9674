"""Fetching a sample of openly licensed photos that a CSV manifest names.

The manifest says where each photo is, what it shows, who took it and under which licence; the
folder that results says so too, in `ATTRIBUTION.csv`.
"""

from sample_gallery.fetch._catalogue import MANIFESTS, find
from sample_gallery.fetch._job import fetch
from sample_gallery.fetch._manifest import Row, read_manifest
from sample_gallery.fetch._report import Outcome, Report
from sample_gallery.folder import FolderError
from sample_gallery.limits import Limits
from sketchzoo.manifest import ManifestError

__all__ = [
    "MANIFESTS",
    "FolderError",
    "Limits",
    "ManifestError",
    "Outcome",
    "Report",
    "Row",
    "fetch",
    "find",
    "read_manifest",
]
