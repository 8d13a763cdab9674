"""Addresses behind a name: one that is given up is not called, whoever has it next."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1 import encoder_pb2_grpc
from sketchzoo.rpc import BETWEEN_PARTS, ChannelSettings, RpcServer, Service, open_channel
from sketchzoo.settings import ServerSettings

_A, _IN = 1, 1


class Names(asyncio.DatagramProtocol):
    """A name server (RFC 1035) that knows `addresses` for any name, and none of IPv6."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.answered = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        question = data[12 : data.index(0, 12) + 5]
        (kind,) = struct.unpack("!H", question[-4:-2])
        found = self.addresses if kind == _A else []
        head = struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0)
        # 0xC00C points back to the question's name; nothing is kept (a TTL of 0).
        records = [
            b"\xc0\x0c" + struct.pack("!HHIH", _A, _IN, 0, 4) + socket.inet_aton(each)
            for each in found
        ]
        self._transport.sendto(data[:2] + head + question + b"".join(records), peer)
        if kind == _A:
            self.answered.set()


class Encoder(encoder_pb2_grpc.EncoderServiceServicer):
    """Tells its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def GetModel(self, request: Any, context: Any) -> pb.GetModelResponse:  # noqa: N802 - gRPC's name
        return pb.GetModelResponse(name=self._name)


@asynccontextmanager
async def serving(host: str, port: int, name: str) -> AsyncIterator[int]:
    service = Service(
        "sketchzoo.encoder.v1.EncoderService",
        Encoder(name),
        encoder_pb2_grpc.add_EncoderServiceServicer_to_server,
    )
    settings = ServerSettings(host=host, port=port, drain_seconds=0.1)
    async with RpcServer(settings, [service], CollectorRegistry()) as server:
        yield server.port


async def test_an_address_that_another_server_has_by_now_is_not_called() -> None:
    """As a container's that was scaled in, and that an encoder of another model got."""
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    names.addresses = ["127.0.0.2", "127.0.0.3"]
    server = transport.get_extra_info("sockname")[1]
    async with serving("127.0.0.2", 0, "ours") as port:
        target = f"dns://127.0.0.1:{server}/encoder.test:{port}"
        settings = ChannelSettings(target, keepalive=BETWEEN_PARTS)
        async with open_channel(settings) as channel:
            stub = encoder_pb2_grpc.EncoderServiceStub(channel)

            async def answers() -> set[str]:
                request = pb.GetModelRequest()
                calls = (stub.GetModel(request, timeout=10, wait_for_ready=True) for _ in range(8))
                return {(await call).name for call in calls}

            async with serving("127.0.0.3", port, "gone"), asyncio.timeout(30):
                while await answers() != {"ours", "gone"}:
                    pass
                names.addresses = ["127.0.0.2"]
                names.answered.clear()
            async with asyncio.timeout(10):
                await names.answered.wait()
            async with serving("127.0.0.3", port, "stranger"):
                assert await answers() == {"ours"}
    transport.close()
