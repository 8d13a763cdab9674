"""Fetching files over HTTP: bounded in time and bytes, and only from where one may.

What is imported here is light; `sketchzoo.fetch.fetcher` brings the HTTP library along and
is imported when the first url is fetched.
"""

from sketchzoo.fetch.limits import FetchLimits
from sketchzoo.fetch.sink import Buffer, Failure, FetchError, Part, Sink
from sketchzoo.fetch.url import Url

__all__ = ["Buffer", "Failure", "FetchError", "FetchLimits", "Part", "Sink", "Url"]
