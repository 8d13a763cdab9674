"""Gallery names: what a gallery is called in requests, settings and Qdrant's aliases."""

import re

PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"
"""As settings check it; they know no other form."""
RIGHT = "1 to 100 letters of ASCII, digits, `_`, `-` and `.`, and begin with none of the last two"
"""What a name must be, for messages that say so."""

_NAME = re.compile(PATTERN.strip("^$"))


def is_gallery_name(text: str) -> bool:
    """Tell whether a gallery can be called so."""
    return _NAME.fullmatch(text) is not None
