"""Paging: opaque tokens that go on where a page ended.

A token holds how many hits were answered, and a digest of the search and the model
that it belongs to: with another search, another model or a changed byte it is refused.
The digest needs no secret: who forges one gets a page he could have asked for, within
`max_depth`. So any replica takes any other's tokens.
"""

import base64
import hashlib
import hmac
import re
import struct

from sketchzoo.rpc import CallError, invalid

_HEAD = struct.Struct(">BI")
_DIGEST_BYTES = 16
_VERSION = 1
# 21 bytes in base64: no padding, so each token has one spelling.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{28}", re.ASCII)


def write_token(offset: int, identity: bytes, fingerprint: str) -> str:
    """Return the token of the page that starts after `offset` hits.

    `identity` is the digest of what is searched; `fingerprint` is the model's.
    """
    head = _HEAD.pack(_VERSION, offset)
    return base64.urlsafe_b64encode(head + _digest(head, identity, fingerprint)).decode()


def read_token(token: str, identity: bytes, fingerprint: str, max_depth: int) -> int:
    """Return how many hits came before the page; 0 for an empty token.

    Raises:
        CallError: INVALID_ARGUMENT; the token is not one of this search.

    """
    if not token:
        return 0
    if not _TOKEN.fullmatch(token):
        raise _refused("is no token that a search answered")
    raw = base64.urlsafe_b64decode(token)
    head, digest = raw[: _HEAD.size], raw[_HEAD.size :]
    if not hmac.compare_digest(digest, _digest(head, identity, fingerprint)):
        raise _refused(
            "belongs to another search or model; send the request that it answered unchanged"
        )
    # The digest covers the head, so it is one that was written here.
    _, offset = _HEAD.unpack(head)
    if not 0 < offset < max_depth:
        raise _refused(f"lies beyond the {max_depth} hits that can be paged through")
    return int(offset)


def _digest(head: bytes, identity: bytes, fingerprint: str) -> bytes:
    digest = hashlib.blake2b(head, digest_size=_DIGEST_BYTES, person=b"sketchzoo page")
    digest.update(identity)
    digest.update(fingerprint.encode())
    return digest.digest()


def _refused(problem: str) -> CallError:
    return invalid("page_token", problem)
