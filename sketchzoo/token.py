"""Tokens and keys: secrets that travel in a header, from a file or an environment to a call.

A secret read from a file ends in a line break more often than not, and gRPC refuses a
header with one in words that name nothing. So what surrounds a token is cut off, and what no
header can carry is refused where the token is set.
"""

from typing import Annotated

from pydantic import AfterValidator, SecretStr

_AROUND = " \t\r\n\v\f"


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
