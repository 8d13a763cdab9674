"""Storage: the bytes behind a uri, wherever they lie.

Files, urls, buckets and members of tar files are read by one call. What is imported here is
light: the libraries of urls and of buckets come along when the first of theirs is read.
"""

from sketchzoo.storage.error import StorageError, StorageReason
from sketchzoo.storage.member import Member, container
from sketchzoo.storage.storage import SCHEMES, Storage

__all__ = ["SCHEMES", "Member", "Storage", "StorageError", "StorageReason", "container"]
