"""Several endpoints of one Qdrant, over real sockets: real servers killed and frozen under load."""

import asyncio
import hashlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
import grpc.aio
import pytest
from qdrant_client import grpc as api

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.qdrant import (
    Nearest,
    Photo,
    PhotoWriter,
    QdrantConnection,
    connect,
    list_galleries,
)
from sketchzoo.qdrant.places import Place, look_up
from sketchzoo.rpc import CallError
from tests.contract.embedded_qdrant.server_process import ServerProcess

FINGERPRINT = "0123456789abcdef"
COLLECTION = f"photos-{FINGERPRINT}"


def photo(number: int) -> Photo:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return Photo("cat", f"file:///{number}.jpg", digest, 40, 30, datetime(2026, 1, 1, tzinfo=UTC))


def vector(number: int) -> list[float]:
    return [1.0, number / 10, 0.0, 0.0]


@asynccontextmanager
async def connected(ports: Sequence[int], **settings: float) -> AsyncIterator[QdrantConnection]:
    url = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    connection = connect(QdrantSettings.model_validate({"qdrant_url": url, **settings}))
    try:
        yield connection
    finally:
        await connection.close()


async def fill(port: int) -> None:
    async with connected([port], qdrant_timeout_seconds=60) as connection:
        writer = PhotoWriter(connection, "photos")
        name = await writer.open(FINGERPRINT, 4)
        await writer.upsert(name, [(photo(number), vector(number)) for number in range(20)])
        await writer.publish(name)


@pytest.fixture
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    """Run three servers with the same photos, as a cluster's nodes answer for all of them."""
    servers = [ServerProcess(tmp_path_factory.mktemp("node") / "storage") for _ in range(3)]
    with ExitStack() as scope, ThreadPoolExecutor(3) as threads:
        started = list(threads.map(scope.enter_context, servers))
        for node in started:
            asyncio.run(fill(node.port))
        yield started


@dataclass
class Load:
    """Searches, writes and looks at the galleries, several at once, until it is stopped."""

    connection: QdrantConnection
    failed: list[CallError] = field(default_factory=list)
    done: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    stopped: bool = False

    async def run(self) -> None:
        await asyncio.gather(*(self._ask(number) for number in range(6)))

    async def more(self, rounds: int) -> None:
        """Wait until so many more were answered, or failed."""
        while not self.done.empty():
            self.done.get_nowait()
        for _ in range(rounds):
            await self.done.get()

    async def _ask(self, number: int) -> None:
        writer = PhotoWriter(self.connection, "photos")
        while not self.stopped:
            try:
                (hits,) = await writer.nearest(
                    COLLECTION, [Nearest(vector=tuple(vector(number)), limit=3)], 5.0
                )
                assert hits[0].id == photo(number).id
                assert await writer.published(5.0) == COLLECTION
                await writer.upsert(COLLECTION, [(photo(number), vector(number))])
            except CallError as error:
                self.failed.append(error)
            self.done.put_nowait(number)


async def test_nodes_killed_and_frozen_under_load_fail_nothing(nodes: list[ServerProcess]) -> None:
    """One killed with -9 and one frozen, the third goes on; thawed, it does when the third is gone.

    UNAVAILABLE when all are away.
    """
    killed, frozen, last = nodes
    async with connected([node.port for node in nodes], qdrant_timeout_seconds=20) as connection:
        load = Load(connection)
        running = asyncio.create_task(load.run())
        await load.more(30)
        killed.kill()
        await load.more(60)
        frozen.process.send_signal(signal.SIGSTOP)
        await load.more(100)
        frozen.process.send_signal(signal.SIGCONT)
        last.kill()
        await load.more(30)
        load.stopped = True
        await running
        assert load.failed == []
        frozen.kill()
        with pytest.raises(CallError) as caught:
            await list_galleries(connection, 5.0)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert "none of its 3 endpoints answers" in caught.value.message
    assert caught.value.part == "Qdrant"


@dataclass
class Node(api.CollectionsServicer):
    """Tells its own aliases; silent, it takes calls and never answers them."""

    name: str
    silent: bool = False
    refusal: grpc.StatusCode | None = None
    calls: int = 0
    port: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ListAliases(self, request: Any, context: Any) -> api.ListAliasesResponse:  # noqa: N802 - gRPC's form
        self.calls += 1
        self.asked.set()
        if self.silent:
            await asyncio.Event().wait()
        if self.refusal is not None:
            await context.abort(self.refusal, "not now")
        answer = api.ListAliasesResponse()
        answer.aliases.add(alias_name=self.name, collection_name=f"{self.name}-1")
        return answer


@asynccontextmanager
async def served(*nodes: Node, hosts: Sequence[str] = ("127.0.0.1",) * 9) -> AsyncIterator[None]:
    async with AsyncExitStack() as scope:
        for node, host in zip(nodes, hosts, strict=False):
            server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
            api.add_CollectionsServicer_to_server(node, server)  # type: ignore[no-untyped-call] # generated
            node.port = server.add_insecure_port(f"{host}:{node.port}")
            await server.start()
            scope.push_async_callback(server.stop, None)
        yield


async def test_a_node_that_does_not_answer_is_left_alone() -> None:
    """It costs one call the time of an attempt; the next ones do not ask it."""
    nodes = [Node("a", silent=True), Node("b", silent=True), Node("c")]
    async with (
        served(*nodes),
        connected([node.port for node in nodes], qdrant_attempt_seconds=0.2) as connection,
    ):
        # An equal share of this call's time is shorter than an attempt's.
        for _ in range(4):
            assert await list_galleries(connection, 0.9) == {"c": "c-1"}
    assert [node.calls <= 1 for node in nodes] == [True, True, False]
    assert nodes[2].calls == 4


async def test_the_last_node_has_all_of_the_time_that_is_left() -> None:
    """A slow cluster answers within the call's deadline, and silence ends with it."""
    nodes = [Node("a", silent=True), Node("b", silent=True)]
    async with (
        served(*nodes),
        connected([node.port for node in nodes], qdrant_attempt_seconds=0.05) as connection,
    ):
        with pytest.raises(CallError) as caught:
            await list_galleries(connection, 0.4)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert [node.calls for node in nodes] == [1, 1]


async def test_what_one_node_refuses_is_not_asked_of_others() -> None:
    """A refusal is an answer."""
    nodes = [
        Node("a", refusal=grpc.StatusCode.INVALID_ARGUMENT),
        Node("b", refusal=grpc.StatusCode.INVALID_ARGUMENT),
    ]
    async with served(*nodes), connected([node.port for node in nodes]) as connection:
        with pytest.raises(CallError) as caught:
            await list_galleries(connection)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert sum(node.calls for node in nodes) == 1


def name_addresses(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    """Let the name `qdrant` have these addresses, as they are when it is looked up."""
    real = socket.getaddrinfo

    def looked_up(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        if host != "qdrant":
            return real(host, port, *args, **named)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


async def test_a_name_with_several_addresses_is_several_endpoints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each address is one; the one that is away costs no call."""
    first = Node("here")
    name_addresses(monkeypatch, ["127.0.0.3", "127.0.0.2", "127.0.0.4"])
    async with served(first, hosts=["127.0.0.2"]):
        settings = {"qdrant_url": f"http://qdrant:{first.port}"}
        connection = connect(QdrantSettings.model_validate(settings))
        for _ in range(5):
            assert await list_galleries(connection) == {"here": "here-1"}
        await connection.close()


@pytest.mark.parametrize(
    ("addresses", "nodes"),
    [
        (["127.0.0.1", "::1"], [None]),
        (["127.0.0.1", "127.0.0.2", "::1"], ["127.0.0.1", "127.0.0.2", "::1"]),
    ],
)
async def test_one_address_of_each_family_is_one_node(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], nodes: list[str | None]
) -> None:
    """As `localhost` has, where a server may listen at one of them: gRPC finds which."""
    name_addresses(monkeypatch, addresses)
    found = await look_up([Place("qdrant", 6334)], [])
    assert [place.address for place in found] == nodes


async def test_a_call_under_way_outlives_the_addresses_it_began_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It goes on with those, though the name has others meanwhile, that later calls ask."""
    monkeypatch.setattr("sketchzoo.qdrant.endpoints._LOOK_UP_SECONDS", 0.0)
    addresses = ["127.0.0.2", "127.0.0.3"]
    name_addresses(monkeypatch, addresses)
    old = [Node("old", silent=True), Node("old", silent=True)]
    async with served(old[0], hosts=["127.0.0.2"]):
        new = Node("new", port=old[0].port)
        old[1].port = old[0].port
        settings = {"qdrant_url": f"http://qdrant:{new.port}", "qdrant_attempt_seconds": 0.1}
        connection = connect(QdrantSettings.model_validate(settings))
        async with served(old[1], new, hosts=["127.0.0.3", "127.0.0.4"]):
            early = asyncio.create_task(list_galleries(connection, 3.0))
            waiting = [asyncio.create_task(node.asked.wait()) for node in old]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for node in old:
                node.silent = False
            addresses[:] = ["127.0.0.4", "127.0.0.5"]
            while "new" not in await list_galleries(connection, 3.0):
                pass
            assert await early == {"old": "old-1"}
            await asyncio.wait(waiting)
            await connection.close()


async def test_a_call_with_little_time_says_nothing_of_a_node() -> None:
    """One that an impatient caller left is asked again at once."""
    nodes = [Node("a", silent=True), Node("b", silent=True)]
    async with served(*nodes), connected([node.port for node in nodes]) as connection:
        for _ in range(3):
            with pytest.raises(CallError):
                await list_galleries(connection, 0.1)
        for node in nodes:
            node.silent = False
        calls = [node.calls for node in nodes]
        await list_galleries(connection, 5.0)
    assert sorted(calls) == [0, 3]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://a:1,https://b:1", "all http:// or all https://"),
        ("http://a:1,,http://b:1", "with commas between them"),
        ("http://a:1,b", "with commas between them"),
    ],
)
def test_a_list_that_is_none_is_refused(url: str, said: str) -> None:
    """What is wrong is one line."""
    with pytest.raises(ValueError, match=said):
        connect(QdrantSettings.model_validate({"qdrant_url": url}))
