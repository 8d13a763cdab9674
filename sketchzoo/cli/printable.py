"""Text that others wrote, as a terminal may be shown it.

A file's name may hold whatever its maker liked: among it what moves a terminal's cursor, sets its
title, or turns the direction in which the rest of the line is read.
"""

import re

# The controls of C0, DEL and C1, Unicode's of direction, and bytes of a name that are no UTF-8.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a line with a mark in the place of each character that is not shown, or would act."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
