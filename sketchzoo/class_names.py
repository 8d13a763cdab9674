"""Class names: what people call their photos, in the one form in which they are compared."""

import unicodedata

MAX_CHARACTERS = 200
"""Longer ones are no names but a file's contents gone astray."""

# Embeddings, overrides and isolates: what follows them is shown in another order than it has.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_REFUSED = {
    "Cc": "a control character",
    "Cs": "a byte that is not UTF-8",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
# Seen by nobody, and at a name's ends of no meaning: a byte order mark, direction marks, joints.
_EDGES = "\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff"


class ClassNameError(ValueError):
    """A text that names no class; the message says why, and `is_empty` whether it is none."""

    def __init__(self, message: str, *, is_empty: bool = False) -> None:
        super().__init__(message)
        self.is_empty = is_empty


def composed(name: str) -> str:
    """Return a name in Unicode's form NFC: a Mac may write an `ö` as two characters."""
    return unicodedata.normalize("NFC", name)


def class_name(text: str) -> str:
    """Return the class that a folder or a cell names: composed, without invisible ends.

    Joiners, spaces and letters of every language are parts of names.

    Raises:
        ClassNameError: it is empty or too long, or has what no name has.

    """
    for character in text:
        kind = "Bidi" if character in _BIDI else unicodedata.category(character)
        if what := _REFUSED.get(kind, "a change of direction" if kind == "Bidi" else ""):
            raise ClassNameError(f"its class {text[:80]!a} holds {what}, U+{ord(character):04X}")
    name = composed(text)
    while (trimmed := name.strip().strip(_EDGES)) != name:
        name = trimmed
    if all(unicodedata.category(character) in ("Cf", "Zs") for character in name):
        raise ClassNameError(
            "has no class" if not text else f"its class {text[:80]!a} is blank", is_empty=True
        )
    if len(name) > MAX_CHARACTERS:
        raise ClassNameError(
            f"its class has {len(name):,} characters; a name has at most {MAX_CHARACTERS}"
        )
    return name
