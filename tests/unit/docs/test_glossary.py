"""The glossary: each term stands there once."""

import re
from collections import Counter
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "glossary.md"


def test_each_term_stands_there_once() -> None:
    """A word of two meanings would need another name."""
    cells = re.findall(r"^\| (?!word |-)([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    terms = Counter(term for cell in cells for term in re.split(r"[,:] ", cell))
    assert len(terms) > 80
    assert [term for term, count in terms.items() if count > 1] == []
