"""`sketchzoo query` as a process, against a service of three classes."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.integration.sketchzoo.zoo_service import Zoo, query


def test_a_known_class_is_searched_in(zoo: str, sketch: Path) -> None:
    """Status 0 and the hits."""
    done = query(sketch, "--search-target", zoo, "--class", "crab")
    assert done.returncode == 0, done.stderr
    assert "crab" in done.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [("Crab", "did you mean crab?"), ("lowe", "did you mean Löwe?"), ("zebra", "it has Löwe")],
)
@pytest.mark.parametrize("option", ["--class", "--not-class"])
def test_an_unknown_class_is_no_empty_gallery(
    zoo: str, sketch: Path, option: str, given: str, said: str
) -> None:
    """Status 2, the class that was likely meant, or what there is."""
    done = query(sketch, "--search-target", zoo, option, given)
    assert done.returncode == 2
    assert f"no class '{given}'" in done.stderr
    assert said in done.stderr


LIBRARY = [
    *("--gallery", "library", "--folder", "2024/lake/", "--seen", "heron", "--no-collapse"),
    *("--since", "2024-07", "--until", "2024-08", "--near", "47.65,9.45,20"),
    *("--where", "rating>=4", "--where", "camera=ACME X100"),
]


def test_a_library_is_searched_by_all_that_is_known_of_its_photos(zoo: str, sketch: Path) -> None:
    """Each option has its place in the request; the hits show what is known."""
    done = query(sketch, "--search-target", zoo, *LIBRARY)
    assert done.returncode == 0, done.stderr
    for shown in ("[heron]", "+4", "2024-07-03", "2024/lake", "DSC_1.NEF", "sure to see"):
        assert shown in done.stdout
    asked = Zoo.asked[-1]
    assert (asked.gallery, asked.no_collapse) == ("library", True)
    assert list(asked.filter.folders) == ["2024/lake"]
    assert list(asked.filter.seen_classes) == ["heron"]
    fields = {each.field: each for each in asked.filter.fields}
    assert fields.keys() == {"rating", "camera", "taken_at", "location"}
    assert fields["rating"].range.gte == 4
    assert fields["camera"].equals.string_value == "ACME X100"
    span = fields["taken_at"].datetime_range
    assert (span.gte.ToJsonString(), span.lt.ToJsonString()) == (
        "2024-07-01T00:00:00Z",
        "2024-09-01T00:00:00Z",
    )
    assert fields["location"].geo_radius.radius == 20_000


def test_json_carries_all_that_a_hit_has(zoo: str, sketch: Path) -> None:
    """For scripts: values of JSON's own types, null where nothing is known."""
    done = query(sketch, "--search-target", zoo, "--gallery", "library", "--json")
    (hit,) = json.loads(done.stdout)["hits"]
    assert hit["taken_at"] == "2024-07-03T09:46:40+00:00"
    assert hit["location"] == {"lat": 47.5, "lon": 9.5}
    known = ("near_duplicates", "seen_class", "seen_confidence", "folder", "file_name", "rating")
    assert [hit[name] for name in known] == [4, "heron", 0.75, "2024/lake", "DSC_1.NEF", 4]
    (hit,) = json.loads(query(sketch, "--search-target", zoo, "--json").stdout)["hits"]
    assert (hit["class"], hit["taken_at"], hit["location"]) == ("crab", None, None)


def test_words_and_a_focus_are_asked_as_said(zoo: str, sketch: Path) -> None:
    """Beside a drawing with a weight, or alone; the heading tells what was asked."""
    options = ["--text", "a red crab", "--text-weight", "0.75", "--focus", "shape"]
    done = query(sketch, "--search-target", zoo, *options)
    assert done.returncode == 0, done.stderr
    assert f"{sketch} and a red crab" in done.stdout
    asked = Zoo.asked[-1].query
    assert (asked.text, asked.text_weight, asked.focus) == ("a red crab", 0.75, 3)
    assert asked.WhichOneof("source") == "sketch"
    done = query("--search-target", zoo, "--text", "a red crab")
    assert done.returncode == 0, done.stderr
    asked = Zoo.asked[-1].query
    assert (asked.text, asked.WhichOneof("source")) == ("a red crab", None)


def test_what_the_model_cannot_do_is_told_in_one_line(zoo: str, sketch: Path) -> None:
    """By the option's name, with status 3."""
    options = ("--gallery", "drawings", "--text", "crab")
    done = query(sketch, "--search-target", zoo, *options)
    assert done.returncode == 3
    assert done.stderr == "sketchzoo query: --text cannot be embedded by the model shapes\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give an image file, --photo-id or --text"),
        (["crab.png", "--photo-id", "1"], "not both"),
        (["--text", " "], "text must have 1 to 1,000 characters"),
        (["--text", "crab", "--text-weight", "0.5"], "text_weight says how much text counts"),
    ],
)
def test_what_makes_no_query_is_wrong_usage(zoo: str, options: list[str], said: str) -> None:
    """Status 2, and what is wrong."""
    done = query("--search-target", zoo, *options)
    assert done.returncode == 2
    assert said in done.stderr


def offers(output: str) -> dict[str, str]:
    """Return the commands that are offered, by what they are for."""
    _, _, below = output.partition("\ntry\n")
    found = (re.split(r"  +", line.strip(), maxsplit=1) for line in below.splitlines())
    return {each[0]: each[1] for each in found}


def test_below_the_confidence_it_says_so_and_what_else_to_try(zoo: str, sketch: Path) -> None:
    """More like one of the hits, words, a class: with all else that was asked."""
    given = ["--search-target", zoo, "--gallery", "words", "--limit", "5", "--no-collapse"]
    done = query(sketch, *given, "--focus", "shape")
    assert "nothing here looks much like it: from 0.950 on hits do" in done.stdout
    commands = offers(done.stdout)
    assert list(commands) == ["more like 1", "more like 2", "in words", "of a class"]
    assert commands["in words"].endswith(" --text WORDS")
    assert f" query {sketch} " in commands["in words"]
    assert commands["of a class"].endswith(" --class NAME  (Löwe, cat, crab)")
    words = shlex.split(commands["more like 2"])
    again = query(*words[words.index("query") + 1 :])
    assert again.returncode == 0, again.stderr
    asked = Zoo.asked[-1]
    assert (asked.query.photo_id, asked.query.focus) == ("2", 3)
    assert (asked.gallery, asked.limit, asked.no_collapse) == ("words", 5, True)


def test_what_cannot_be_asked_is_not_offered(zoo: str, sketch: Path) -> None:
    """No words where none are taken, no class where one was given; no secret is shown."""
    given = ["--search-target", zoo, "--gallery", "drawings", "--class", "crab"]
    done = query(sketch, *given, "--search-token", "s3cret")
    commands = offers(done.stdout)
    assert list(commands) == ["more like 1", "more like 2", "of what is seen"]
    assert "s3cret" not in done.stdout
    assert "--class crab" in commands["more like 1"]
    assert "--search-token TOKEN" in commands["more like 1"]
    assert "try" not in query(sketch, *given, "--json").stdout
    assert "\ntry\n" not in query(sketch, "--search-target", zoo).stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--folder", "2024/lak"], "there is no folder '2024/lak'; did you mean 2024/lake"),
        (["--seen", "hero"], "did you mean heron?"),
        (["--where", "rating"], "--where: 'rating' must be a field"),
        (["--near", "here"], "--near: 'here' must be LAT,LON,KM"),
        (["--since", "2024", "--where", "taken_at>2020"], "--where: taken_at is said by another"),
    ],
)
def test_a_wrong_option_is_named_with_what_would_be_right(
    zoo: str, sketch: Path, given: list[str], said: str
) -> None:
    """Status 2 and one line."""
    done = query(sketch, "--search-target", zoo, *given)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
