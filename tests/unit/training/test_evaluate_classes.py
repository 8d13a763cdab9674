"""`sketchzoo evaluate` on chosen classes and splits of a zoo of colours."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.training.evaluating import report_of, run

Picture = Callable[[Path, tuple[int, int, int]], None]


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Write a list of two classes of the colour zoo, one of them by another name, and a third."""
    path = tmp_path / "two.toml"
    path.write_text(
        'about = "two and one"\nsource = "this test"\n'
        'classes = ["Pussy cat", "dog", "unicorn"]\n[also]\ncat = "pussy cat"\n'
    )
    return path


def test_listed_classes_among_their_own_and_among_all(
    colour_zoo: Path, colour_model: Path, two: Path
) -> None:
    """Only listed classes ask; the report says what was missing and what the model learned."""
    own = report_of(colour_model, colour_zoo, colour_zoo, "--class-list", two)
    everything = report_of(
        colour_model, colour_zoo, colour_zoo, "--class-list", two, "--among", "all"
    )
    assert (own["photos"], own["queries"], own["among"]) == (8, 4, "own")
    assert (everything["photos"], everything["queries"], everything["among"]) == (12, 4, "all")
    assert own["only_classes"] == ["dog", "pussy_cat"]
    assert own["class_list"] == everything["class_list"]
    assert own["class_list"]["missing"] == ["unicorn"]
    assert own["class_list"]["classes"] == 3
    assert own["class_list"]["learned"] == []
    assert own["map@200"] == 1
    assert own["p@200"] == own["p@200_best"] == pytest.approx(4 / 200)


def test_what_the_model_has_learned_is_not_unseen(
    colour_zoo: Path, colour_model: Path, two: Path
) -> None:
    """Listed classes that the model's configuration names are told, in JSON and in words."""
    config = json.loads((colour_model / "config.json").read_text())
    (colour_model / "config.json").write_text(json.dumps({**config, "classes": ["cat", "eel"]}))
    report = report_of(colour_model, colour_zoo, colour_zoo, "--class-list", two)
    assert report["class_list"]["learned"] == ["pussy_cat"]
    _, out, _ = run(
        *("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo),
        *("--class-list", two),
    )
    assert "the model has learned from pussy_cat" in " ".join(out.split())
    assert "map@200" in out


def test_folders_without_splits_are_taken_whole(
    colour_zoo: Path, colour_model: Path, tmp_path: Path, picture: Picture
) -> None:
    """`--whole` lets a folder that states no splits stand beside one that does."""
    picture(tmp_path / "more/owl/a.png", (200, 200, 40))
    more = ("--gallery", tmp_path / "more", "--split", "test")
    assert report_of(colour_model, colour_zoo, colour_zoo, *more, "--whole")["photos"] == 10
    code, _, err = run(
        *("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo), *more
    )
    assert code == 2
    assert "has no splits.csv" in err


def test_several_splits_add_up(colour_zoo: Path, colour_model: Path) -> None:
    """`--split test,train` measures both together."""
    listed = colour_zoo / "splits.csv"
    first = "sketch/cat/n00000000_0-1.png"
    listed.write_text(listed.read_text().replace(f"{first},test", f"{first},train"))
    report = report_of(colour_model, colour_zoo, colour_zoo, "--split", "test, train")
    assert (report["photos"], report["queries"], report["split"]) == (12, 6, "test, train")
    assert report_of(colour_model, colour_zoo, colour_zoo, "--split", "test")["queries"] == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--among", "all"), "--classes or a --class-list"),
        (("--whole",), "give --split"),
        (("--class-list", "unseen-20", "--class", "cat"), "not both"),
        (("--class-list", "unseen-20"), "no class on the list unseen-20"),
        (("--class-list", "nothing.toml"), "is no list of classes"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    colour_zoo: Path, colour_model: Path, options: tuple[str, ...], said: str
) -> None:
    """Options that say nothing together end with status 2 and a line that says why."""
    code, _, err = run(
        *("--model", colour_model, "--gallery", colour_zoo, "--queries", colour_zoo), *options
    )
    assert code == 2
    assert said in err
    assert "Traceback" not in err
