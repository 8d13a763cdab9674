"""The layout of embeddings: focuses, and words beside a drawing."""

import numpy as np
import pytest

from sketchzoo.parts import CLASS, GENERAL, SHAPE, Emphasis, Focus, Layout, Part

LAYOUT = Layout(
    (Part(CLASS, 2, 0.5), Part(GENERAL, 1, 0.25), Part(SHAPE, 1, 0.25)),
    {Focus.SUBJECT: Emphasis((1, 1, 0), 0.7), Focus.SHAPE: Emphasis((0, 0, 1))},
    Focus.SUBJECT,
)
DRAWING = np.array([0.5, 0.5, 0.5, 0.5], np.float32)


def test_a_focus_multiplies_the_parts_of_a_query() -> None:
    """What a focus leaves out is nothing, and the rest has norm 1."""
    found = LAYOUT.focused(DRAWING, Focus.SUBJECT)
    assert found == pytest.approx(np.array([1, 1, 1, 0]) / 3**0.5)


def test_a_focus_on_what_is_missing_leaves_the_query_as_it_is() -> None:
    """A text says nothing of shape: what it says counts whatever the focus."""
    text = np.array([0.6, 0.8, 0, 0], np.float32)
    assert LAYOUT.focused(text, Focus.SHAPE) is text


def test_a_text_speaks_for_its_own_parts_alone() -> None:
    """With all weight on the text the class is the text's, and the shape the drawing's."""
    text = np.array([1, 0, 0, 0], np.float32)
    found = LAYOUT.blended(DRAWING, text, 1.0)
    assert found == pytest.approx([0.5**0.5, 0, 0.5, 0.5])


def test_with_no_weight_a_text_changes_nothing() -> None:
    """A weight of 0 leaves the drawing alone."""
    text = np.array([1, 0, 0, 0], np.float32)
    assert LAYOUT.blended(DRAWING, text, 0.0) == pytest.approx(DRAWING)


def test_a_layout_comes_back_from_its_configuration() -> None:
    """What is written is read."""
    assert Layout.of(LAYOUT.values()) == LAYOUT


def test_the_default_comes_first() -> None:
    """Callers see first what is meant when they say nothing."""
    assert [focus for focus, _ in LAYOUT.in_order()] == [Focus.SUBJECT, Focus.SHAPE]


@pytest.mark.parametrize(
    ("parts", "focuses", "default"),
    [
        ((), {}, None),
        ((Part("all", 2, 0.5),), {}, None),
        ((Part("all", 2, 1.0),), {Focus.BOTH: Emphasis((1, 1))}, Focus.BOTH),
        ((Part("all", 2, 1.0),), {Focus.BOTH: Emphasis((1,))}, None),
        ((Part("all", 2, 1.0),), {}, Focus.BOTH),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(
    parts: tuple[Part, ...], focuses: dict[Focus, Emphasis], default: Focus | None
) -> None:
    """Weights come to 1, factors are one a part, and the default is one of the focuses."""
    with pytest.raises(ValueError, match=r"parts|weights|factor|default"):
        Layout(parts, focuses, default)


@pytest.mark.parametrize("factors", [(), (0.0, 0.0), (-1.0,), (float("nan"),)])
def test_factors_that_leave_nothing_are_refused(factors: tuple[float, ...]) -> None:
    """A focus keeps something, and turns nothing round."""
    with pytest.raises(ValueError, match="factors"):
        Emphasis(factors)


def test_what_is_next_to_nothing_still_has_norm_1() -> None:
    """Values whose squares vanish in float32 become a direction, not a division by nothing."""
    faint = np.array([1, 0, 0, 1e-30], np.float32)
    assert LAYOUT.focused(faint, Focus.SHAPE) == pytest.approx([0, 0, 0, 1])


def test_what_cancels_out_asks_for_nothing() -> None:
    """A text that is the drawing's opposite leaves zeros, which are a vector still."""
    whole = Layout.whole(2)
    drawing = np.array([1, 0], np.float32)
    assert whole.blended(drawing, -drawing, 0.5) == pytest.approx([0, 0])


@pytest.mark.parametrize(("factors", "neutral"), [((1, 1), True), ((2,), True), ((1, 0.5), False)])
def test_equal_factors_change_nothing(factors: tuple[float, ...], neutral: bool) -> None:  # noqa: FBT001 - a parameter
    """A query with them asks for the same as without."""
    assert Emphasis(factors).is_neutral is neutral
