"""The page's files, without a browser."""

import re
from importlib.resources import files

import pytest

from live_demo.settings import LiveSettings

STATIC = {each.name: each.read_text() for each in files("live_demo").joinpath("static").iterdir()}
SCRIPTS = {name: text for name, text in STATIC.items() if name.endswith(".js")}


def test_every_file_that_another_names_is_there() -> None:
    """Imports, links and images of the page lead somewhere."""
    for text in STATIC.values():
        for name in re.findall(r'(?:/static/|from "\./)([\w.]+)', text):
            assert name in STATIC


def test_every_id_that_the_scripts_ask_for_is_on_the_page() -> None:
    """A renamed element would be found only in the browser."""
    ids = set(re.findall(r'id="([\w-]+)"', STATIC["index.html"]))
    for name, text in SCRIPTS.items():
        for asked in re.findall(r'\$\("([\w-]+)"\)', text):
            assert asked in ids, f"{name} asks for #{asked}"


@pytest.mark.parametrize(
    "pattern", ["innerHTML", "outerHTML", "eval(", "document.write", "http://"]
)
def test_no_script_makes_markup_or_calls_strangers(pattern: str) -> None:
    """What the policy would refuse is not there in the first place."""
    for name, text in SCRIPTS.items():
        own = text.replace('"http://www.w3.org/2000/svg"', "")
        assert pattern not in own, name


def test_nothing_is_inline() -> None:
    """No style and no handler stands in the page itself."""
    page = STATIC["index.html"]
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)", page)


def test_lists_come_from_the_environment_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the help says."""
    monkeypatch.setenv("SKETCHZOO_LIVE_ALLOWED_HOSTS", "zoo.example, www.zoo.example")
    assert LiveSettings().allowed_hosts == ("zoo.example", "www.zoo.example")
