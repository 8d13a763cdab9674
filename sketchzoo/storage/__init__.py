"""Storage: the bytes behind a uri, wherever they lie.

Files, urls, buckets and members of tar files are read by one call. What is imported here is
light: the libraries of urls and of buckets come along when the first of theirs is read.
"""

from sketchzoo.storage.error import StorageError, StorageReason
from sketchzoo.storage.found import Found, moment
from sketchzoo.storage.member import Member, container
from sketchzoo.storage.storage import SCHEMES, CopyLimits, Storage
from sketchzoo.storage.stores import path_in, scheme_of

__all__ = [
    "SCHEMES",
    "CopyLimits",
    "Found",
    "Member",
    "Storage",
    "StorageError",
    "StorageReason",
    "container",
    "moment",
    "path_in",
    "scheme_of",
]
