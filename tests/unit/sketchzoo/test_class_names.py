"""Class names: one form for each, whatever wrote it."""

import unicodedata

import pytest

from sketchzoo.class_names import ClassNameError, class_name

GOOD = [
    "sea turtle",
    "Löwe",
    "赤\u3000狐",  # an ideographic space
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # a joiner that keeps letters apart
    "क्\u200dष",
    "שועל",
    "👩‍🔬",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "a\u00a0b",
    "\uf8ff apples",
    "-",
]


@pytest.mark.parametrize("name", GOOD)
def test_names_of_every_language_stand(name: str) -> None:
    """Spaces, joiners, right-to-left scripts and emoji are parts of names."""
    assert class_name(name) == unicodedata.normalize("NFC", name)


def test_forms_are_one_class() -> None:
    """Composed and decomposed letters, and what is invisible at the ends, make no new class."""
    assert class_name(unicodedata.normalize("NFD", "Löwe")) == class_name("Löwe") == "Löwe"
    assert class_name("\ufeff owl\u200b \u200e") == "owl"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no class"),
        (" \u3000", "is blank"),
        ("\u200d\u200b", "is blank"),
        ("o\x07wl", r"holds a control character, U\+0007"),
        ("owl\n", r"holds a control character, U\+000A"),
        ("o\x00wl", r"U\+0000"),
        ("d\udcffg", r"holds a byte that is not UTF-8, U\+DCFF"),
        ("gpj.\u202eowl", r"holds a change of direction, U\+202E"),
        ("\u2067owl", r"U\+2067"),
        ("a\u2028b", "holds a line separator"),
        ("x" * 201, "has 201 characters; a name has at most 200"),
    ],
)
def test_what_no_name_has_is_refused(text: str, message: str) -> None:
    """Each refusal says what is wrong, in characters that every terminal and message carries."""
    with pytest.raises(ClassNameError, match=message) as error:
        class_name(text)
    str(error.value).encode()
    assert str(error.value).isprintable()
