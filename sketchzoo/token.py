"""Tokens and keys: secrets that travel in a header, from a file or an environment to a call.

A server may take several tokens, each good for every gallery or for some of them.

A secret read from a file ends in a line break more often than not, and gRPC refuses a
header with one in words that name nothing. So what surrounds a token is cut off, and what no
header can carry is refused where the token is set.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from sketchzoo import gallery_names

_AROUND = " \t\r\n\v\f"
# A token among others holds no blank and no comma: RFC 6750's b64token.
_AMONG_OTHERS = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_MOST_GRANTS = 1_000
_GRANT = "TOKEN, or TOKEN and the galleries that it is good for, as `s3cret photos,holiday`"


def read_token(text: str) -> SecretStr:
    """Return a token without the blanks and line breaks around it.

    Raises:
        ValueError: nothing is left, or a header cannot carry it; the message says where, and
            does not show the token.

    """
    token = text.strip(_AROUND)
    if not token:
        raise ValueError("it is blank: give the token, or leave the setting out")
    for place, character in enumerate(token, 1):
        if not " " <= character <= "~":
            kind = "a control character" if character.isascii() else "not ASCII"
            raise ValueError(
                f"no header can carry it: its character {place} of {len(token)} is {kind}"
            )
    return SecretStr(token)


def _checked(secret: SecretStr) -> SecretStr:
    return read_token(secret.get_secret_value())


Token = Annotated[SecretStr, AfterValidator(_checked)]
"""A setting's type: a token that a header can carry."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that a server takes, and the galleries that it is good for; None is every one."""

    token: SecretStr
    galleries: frozenset[str] | None = None


def read_grants(text: str) -> tuple[Grant, ...]:
    """Read several tokens, one a line or with semicolons between: `TOKEN [GALLERY,GALLERY...]`.

    Lines that begin with `#` are passed over.

    Raises:
        ValueError: the message says which entry is wrong, and does not show the token.

    """
    entries = [
        entry.strip(_AROUND)
        for line in text.splitlines()
        if not line.lstrip().startswith("#")
        for entry in line.split(";")
    ]
    grants = tuple(_grant(n, entry) for n, entry in enumerate(filter(None, entries), 1))
    if len(grants) > _MOST_GRANTS:
        raise ValueError(f"{len(grants):,} tokens are over the {_MOST_GRANTS:,} that are taken")
    tokens = [grant.token.get_secret_value() for grant in grants]
    for number, token in enumerate(tokens, 1):
        if token in tokens[: number - 1]:
            raise ValueError(f"entry {number} has the token of another entry: give it once")
    return grants


def _grant(number: int, entry: str) -> Grant:
    token, *rest = entry.split(maxsplit=1)
    if not _AMONG_OTHERS.fullmatch(token):
        raise ValueError(
            f"entry {number} must be {_GRANT}; the token has letters of ASCII, digits and -._~+/="
        )
    if not rest:
        return Grant(SecretStr(token))
    galleries = [name.strip() for name in rest[0].split(",")]
    for name in galleries:
        if not gallery_names.is_gallery_name(name):
            raise ValueError(
                f"entry {number} must be {_GRANT}; a gallery's name must be {gallery_names.RIGHT}"
            )
    return Grant(SecretStr(token), frozenset(galleries))
