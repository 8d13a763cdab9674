"""Words and focus as the gateway takes them: given to the search, or found out what they mean."""

import asyncio
from typing import Any

import httpx
import pytest

from live_demo.meanings import told_fields
from sketchzoo.search.v1 import search_pb2
from tests.integration.live_demo.fake_photos import FakePhoto
from tests.integration.live_demo.fake_search import FakeSearch, server
from tests.integration.live_demo.live_here import Live, live_here
from tests.integration.live_demo.page import LINE, Page
from tests.integration.live_demo.unsorted import unsort

DRAWING = {"width": 1024, "height": 1024, "strokes": [LINE]}


async def meaning(live: Live, text: str, **where: str) -> dict[str, Any]:
    """Ask what a text means."""
    async with httpx.AsyncClient(base_url=live.url) as http:
        response = await http.get("/meaning", params={"text": text, **where})
        assert response.status_code == 200, response.text
        return dict(response.json())


def rename(fake: FakeSearch, names: dict[str, str]) -> None:
    """Give classes other names."""
    for photo in list(fake.photos.values()):
        if photo.class_name in names:
            name = names[photo.class_name]
            fake.photos[photo.id] = FakePhoto(photo.id, name, photo.content, photo.vector)


async def test_the_page_is_told_what_can_be_asked(fake: FakeSearch, live: Live) -> None:
    """The focuses in their order, and whether words are a query; of an old model neither."""
    async with httpx.AsyncClient(base_url=live.url) as http:
        told = (await http.get("/gallery")).json()
        assert (told["focuses"], told["takes_text"]) == ([], False)
        fake.focuses = [search_pb2.FOCUS_BOTH, search_pb2.FOCUS_SUBJECT]
        fake.takes_text = True
        fake.galleries = ["photos", "family"]
        told = (await http.get("/gallery", params={"gallery": "family"})).json()
        assert (told["focuses"], told["takes_text"]) == (["both", "subject"], True)


async def test_words_and_focus_reach_the_search(fake: FakeSearch, page: Page) -> None:
    """Alone they find what they name; beside a drawing as much as they weigh."""
    fake.takes_text, fake.focuses = True, [search_pb2.FOCUS_SUBJECT, search_pb2.FOCUS_SHAPE]
    answer = await page.search(source="text", text="snail", focus="shape")
    assert {hit["class"] for hit in answer["hits"]} == {"snail"}
    assert fake.requests[-1].query.focus == search_pb2.FOCUS_SHAPE
    answer = await page.search(source="drawing", drawing=DRAWING, text="snail", text_weight=1)
    assert {hit["class"] for hit in answer["hits"]} == {"snail"}


async def test_a_model_that_knows_neither_says_so(fake: FakeSearch, page: Page) -> None:
    """The search service's word is told, and the next search succeeds."""
    for changes in ({"text": "owl"}, {"focus": "shape"}):
        failure = await page.search(source="drawing", drawing=DRAWING, **changes)
        assert failure["code"] == "UNIMPLEMENTED"
    assert (await page.search())["type"] == "answer"


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("owl", ["owl"]),
        ("OWL", ["owl"]),
        ("bear", ["bear"]),
        ("polar", ["polar_bear"]),
        ("Polar bear", ["polar_bear"]),
        ("ele", ["elephant"]),
        ("owl polar-bear", ["owl", "polar_bear"]),
        ("ba\u0308r", ["Bär"]),
        ("BÄR", ["Bär"]),
    ],
)
async def test_words_are_classes(
    fake: FakeSearch, live: Live, text: str, classes: list[str]
) -> None:
    """A whole name, one of its words, or its beginning, in this order; however they are written."""
    rename(fake, {"snail": "polar_bear", "fish": "bear", "zebra": "Bär"})
    found = await meaning(live, text)
    assert found == {"classes": classes, "seen": [], "tags": [], "unknown": []}


@pytest.mark.parametrize("text", ["e", "cat", "lephant", "bar", "…"])
async def test_what_means_nothing_is_said(fake: FakeSearch, live: Live, text: str) -> None:
    """One letter is no beginning, and an umlaut is a letter of its own."""
    rename(fake, {"zebra": "Bär"})
    assert (await meaning(live, text))["unknown"] == [text]


async def test_words_are_what_is_seen_folders_and_tags(fake: FakeSearch, live: Live) -> None:
    """A folder at any depth, all of several; a tag's whole value; the rest is left over."""
    unsort(fake)
    fake.known[next(iter(fake.known))].folder = "2023/summer"
    found = await meaning(live, "snail summer Apple iPhone 14 owl Cc0 dragon")
    assert found["seen"] == ["snail", "owl"]
    assert found["unknown"] == ["dragon"]
    folders, camera, licence = found["tags"]
    assert folders["field"] == "folders"
    assert sorted(folders["values"]) == ["2023/summer", "2024/summer"]
    assert (camera["field"], camera["word"]) == ("camera", "Apple iPhone 14")
    assert (licence["field"], "CC0" in licence["values"]) == ("licence", True)


async def test_what_photos_have_told_is_known_by_a_word(
    fake: FakeSearch, live: Live, page: Page
) -> None:
    """As a class is, once the page has shown it; of the gallery that has it."""
    unsort(fake)
    fake.galleries = ["photos", "family"]
    await page.search(limit=60)
    [tag] = (await meaning(live, "iph"))["tags"]
    assert (tag["field"], tag["values"]) == ("camera", ["Apple iPhone 14"])
    assert (await meaning(live, "iph", gallery="family"))["unknown"] == ["iph"]


class Late(FakeSearch):
    """Its first answer comes when the second question does."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()

    async def LiveSearch(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        asked = []
        async for request in request_iterator:
            asked.append(request)
            self.began.set()
            if len(asked) == 2:
                break
        for each in asked:
            response = self.search(each.request)
            yield search_pb2.LiveSearchResponse(sequence=each.sequence, response=response)


async def test_what_comes_too_late_tells_nothing_of_the_next_gallery() -> None:
    """An answer that was under way as the page went to another gallery is of the one before."""
    fake = Late()
    unsort(fake)
    fake.galleries = ["photos", "family"]
    async with server(fake) as serving:
        await serving.set_serving(True)
        async with live_here(f"127.0.0.1:{serving.port}") as live, Page(live.port) as page:
            await page.ask(limit=60)
            async with asyncio.timeout(10):
                await fake.began.wait()
            answer = await page.search(gallery="family", folder="nowhere")
            assert answer["hits"] == []
            assert (await meaning(live, "iph", gallery="family"))["unknown"] == ["iph"]


async def test_a_hidden_field_is_no_tag(fake: FakeSearch, live: Live, page: Page) -> None:
    """Neither by its words nor by a message of one's own."""
    assert (await meaning(live, "x"))["unknown"] == ["x"]
    tag = {"field": "secret", "values": ["x"]}
    refused = await page.search(source="drawing", drawing=DRAWING, tags=[tag])
    assert refused["message"].startswith("tags.0.field")
    assert "secret" not in told_fields(("author",))


async def test_tags_filter(fake: FakeSearch, page: Page) -> None:
    """All that were chosen must hold, each by one of its values, beside the place's folder."""
    unsort(fake)
    tags = [
        {"field": "folders", "values": ["2022/Alps", "2023"]},
        {"field": "licence", "values": ["cc0", "CC0"], "word": "cc0"},
    ]
    answer = await page.search(source="drawing", drawing=DRAWING, tags=tags, folder="2022")
    assert {hit["folder"] for hit in answer["hits"]} == {"2022/Alps"}
    tags[1]["values"] = ["cc0"]
    assert (await page.search(source="drawing", drawing=DRAWING, tags=tags))["hits"] == []


async def test_a_long_text_is_told_of_to_its_end(live: Live) -> None:
    """Words that are too many to be looked up stay in the box, and whole."""
    strange = [f"unheard{number}" for number in range(11)]
    found = await meaning(live, " ".join(["owl", *strange, "dragon" * 30, "last"]))
    assert found["classes"] == ["owl"]
    assert found["unknown"] == [*strange, "dragon" * 30, "last"]


async def test_values_of_a_field_lie_below_none(fake: FakeSearch, live: Live, page: Page) -> None:
    """As folders do, of which the uppermost stands for all."""
    unsort(fake)
    for number, known in enumerate(fake.known.values()):
        known.camera = "Acme/Zoom" if number % 2 else "Acme"
    await page.search(limit=60)
    tags = (await meaning(live, "acm"))["tags"]
    assert [sorted(tag["values"]) for tag in tags] == [["Acme", "Acme/Zoom"]]


async def test_a_large_library_is_walked_once_and_not_to_its_end(
    fake: FakeSearch, live: Live
) -> None:
    """However many ask: folders with most photos first, the others stay unopened."""
    unsort(fake)
    for number, known in enumerate(fake.known.values()):
        known.folder = f"{number}/below" if number else "big/of its own"
    ids = list(fake.known)
    for photo_id in ids[:3]:
        fake.known[photo_id].folder = "big/of its own"
    extra = {f"{number}": ids[number] for number in range(3, len(ids))}
    assert len(extra) > 100
    found = await asyncio.gather(*(meaning(live, "own") for _ in range(4)))
    assert [each["tags"][0]["values"] for each in found] == [["big/of its own"]] * 4
    assert fake.folders_asked == 200


async def test_of_very_many_folders_those_with_most_photos_are_known(
    fake: FakeSearch, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept of a library, and compared with each word, has a limit."""
    monkeypatch.setattr("live_demo.meanings._MAX_FOLDERS", 2)
    unsort(fake)
    for number, known in enumerate(fake.known.values()):
        known.folder = ("most", "many", "few")[min(2, number % 8 // 3)]
    found = await meaning(live, "most many few")
    assert [tag["word"] for tag in found["tags"]] == ["most", "many"]
    assert found["unknown"] == ["few"]
