"""Log files: what a part said last of what went wrong."""

import json
from pathlib import Path

_TAIL_BYTES = 64 * 1024
_BAD = ("warning", "error", "critical")
_COMMON = ("event", "level", "timestamp", "part", "request_id", "exception")


def last_problem(path: Path) -> str:
    """Return the last line of a part's log that tells of a problem, else its last line.

    A JSON event is put in words; a line that is none, a refusal for instance, is taken as it is.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError as error:
        return f"its log can't be read: {error.strerror}"
    said = [_read(line) for line in lines if line.strip()]
    problems = [words for words, bad in said if bad]
    return next(reversed(problems or [words for words, _ in said]), "it said nothing")


def _read(line: str) -> tuple[str, bool]:
    try:
        event = json.loads(line)
        words = [str(event["event"])]
    except (ValueError, KeyError, TypeError):
        return line.strip(), True
    words += [f"{name}={value}" for name, value in event.items() if name not in _COMMON]
    bad = event.get("level") in _BAD or bool(event.get("problem"))
    return " ".join(words), bad
