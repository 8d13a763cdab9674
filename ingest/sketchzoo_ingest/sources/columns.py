"""A manifest's further columns: payload fields whose types are inferred."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sketchzoo_ingest.sources.source import Value

# A field's name as filters can name it: in Qdrant a dot or a bracket is a path.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
# A leading zero tells a code (007, a postal code) from a number.
_INT = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOL = {"true": True, "false": False}
_MAX_DIGITS = 20  # a sign and the 19 of 2**63
_INT64 = range(-(2**63), 2**63)
MAX_CHARACTERS = 131_072
"""Of a column's text, as in a CSV file."""
# From the narrowest: what holds one kind's values and another's holds the later one's.
_KINDS = ("int", "float", "str")


def check_names(names: Iterable[str]) -> None:
    """Refuse names that cannot be payload fields.

    Raises:
        ValueError: a name is reserved, or not a name; the message says so.

    """
    # Here, because it brings Qdrant's client along: `--help` needs none.
    from sketchzoo.qdrant import RESERVED  # noqa: PLC0415

    for name in names:
        if name in RESERVED:
            raise ValueError(
                f"the column {name!r} has the name of a field that ingest itself writes "
                f"({', '.join(sorted(RESERVED))}): call it something else"
            )
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"the column {name!r} must be named with letters, digits, _ and -, at most 64"
            )


def usable(values: Mapping[str, Any]) -> dict[str, Value]:
    """Return of a photo's notes what a payload may hold: nobody declared their columns.

    Names that ingest itself writes, nested values, texts of over `MAX_CHARACTERS` and numbers
    that no machine counts in are left out.
    """
    from sketchzoo.qdrant import RESERVED  # noqa: PLC0415 - see above

    return {
        name: value
        for name, value in values.items()
        if name not in RESERVED and _NAME.fullmatch(name) and _is_value(value)
    }


def _is_value(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return value in _INT64
    if isinstance(value, list):
        texts = [text for text in value if isinstance(text, str) and _is_value(text)]
        return bool(texts) and len(texts) == len(value) and _is_short("".join(texts))
    return isinstance(value, str) and bool(value) and _is_short(value) and _is_text(value)


def _is_short(value: str) -> bool:
    return len(value) <= MAX_CHARACTERS


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False  # half of a pair of surrogates, which JSON may spell
    return True


@dataclass(frozen=True, slots=True)
class Columns:
    """What type each column's values have, in all of its rows."""

    kinds: Mapping[str, str]

    @classmethod
    def infer(cls, rows: Iterable[Mapping[str, str]]) -> "Columns":
        """Find each column's type: int, float, bool, or, where values disagree, string.

        Empty cells say nothing.
        """
        kinds: dict[str, str] = {}
        for row in rows:
            for name, text in row.items():
                if text and kinds.get(name) != "str":
                    kinds[name] = _join(kinds.get(name), _kind(text))
        return cls(kinds)

    def payload(self, row: Mapping[str, str]) -> dict[str, Value]:
        """Return a row's values; an empty cell has none.

        Raises:
            ValueError: the row was not among those that the types were found by.

        """
        return {name: self._value(name, text) for name, text in row.items() if text}

    def _value(self, name: str, text: str) -> Value:
        kind = self.kinds.get(name)
        if kind is None or _join(kind, _kind(text)) != kind:
            raise ValueError(f"has a {name} that is no {kind}: the manifest changed meanwhile")
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return _BOOL[text.lower()]
            case _:
                return text


def _kind(text: str) -> str:
    if text.lower() in _BOOL:
        return "bool"
    if _INT.fullmatch(text):
        # Python itself refuses to read numbers of thousands of digits.
        return "int" if len(text) <= _MAX_DIGITS and int(text) in _INT64 else "str"
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return "float"
    return "str"


def _join(one: str | None, other: str) -> str:
    if one is None or one == other:
        return other
    if "bool" in (one, other):
        return "str"
    return max(one, other, key=_KINDS.index)
