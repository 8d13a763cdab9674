"""Text that others wrote, as a terminal may be shown it.

A file's name may hold whatever its maker liked: among it what moves a terminal's cursor, sets its
title, or turns the direction in which the rest of the line is read.
"""

import re

# The controls of C0, DEL and C1, and Unicode's of direction.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return a line with a mark in the place of each character that would act, not show."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
