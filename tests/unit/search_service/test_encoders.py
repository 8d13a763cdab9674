"""Encoders: what is done about those that can't be reached."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from search_service import encoders as module
from search_service.encoders import Encoders
from search_service.metrics import SearchMetrics
from sketchzoo.encoder_client import EncoderModel
from sketchzoo.qdrant import Gallery
from sketchzoo.rpc import CallError, deadline_exceeded, unavailable

GALLERY = Gallery("photos-a", "a", 8)


class Client:
    """An encoder's client that fails as the test says."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.closed = False
        self.timeouts: list[float] = []

    async def model(self, timeout_seconds: float) -> EncoderModel:
        self.timeouts.append(timeout_seconds)
        if isinstance(self.answer, CallError):
            raise self.answer
        return EncoderModel("zoo", self.answer, 8)

    async def close(self) -> None:
        self.closed = True


async def look(encoders: Encoders) -> None:
    encoders.take(await encoders.ask(1.0))


@pytest.mark.parametrize(
    ("error", "reopens"),
    [(unavailable("the encoder", "no address"), True), (deadline_exceeded("waiting"), False)],
)
async def test_an_encoder_that_stays_unreachable_is_called_anew(
    monkeypatch: pytest.MonkeyPatch, error: CallError, *, reopens: bool
) -> None:
    """By another channel, which asks for its name's address; a slow one keeps its calls."""
    monkeypatch.setattr(module, "_REOPEN_SECONDS", 0.0)
    opened: list[Client] = []

    def open_client(_: str) -> Any:
        opened.append(Client("a" if opened else error))
        return opened[-1]

    encoders = Encoders(["encoder:1"], open_client, SearchMetrics(CollectorRegistry()))
    await look(encoders)
    with pytest.raises(CallError):
        encoders.serving(GALLERY)
    await look(encoders)
    assert [client.closed for client in opened] == ([True, False] if reopens else [False])
    if reopens:
        assert encoders.serving(GALLERY).encoder is opened[1]


async def test_one_that_is_away_holds_up_the_look_at_others_but_briefly() -> None:
    """Unless it is the service's own, or was there a moment ago."""
    clients = {name: Client("a") for name in ("own", "there", "away")}
    own: Any = clients["own"].timeouts
    clients["away"].answer = deadline_exceeded("waiting")
    find: Any = clients.__getitem__
    encoders = Encoders(list(clients), find, SearchMetrics(CollectorRegistry()))
    await look(encoders)
    await look(encoders)
    assert own == [1.0, 1.0]
    assert clients["there"].timeouts[-1] == 1.0
    assert clients["away"].timeouts[-1] < 1.0
