"""Hostile images and messages against a running process."""

import asyncio
import io
import random
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio
import psutil
import pytest
from google.rpc import code_pb2
from PIL import Image

from sketchzoo.encoder.v1 import encoder_pb2 as pb
from sketchzoo.encoder.v1.encoder_pb2_grpc import EncoderServiceStub
from sketchzoo.rpc import ChannelSettings, open_channel
from tests.artefacts import EncoderProcess, encoder_process, picture, tiny_model

FORMS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "TIFF", "ICO")
INPUTS = 2000
FLAT_BYTES = 48 * 1024 * 1024


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EncoderProcess]:
    folder = tmp_path_factory.mktemp("model")
    tiny_model(folder)
    with encoder_process(folder, queue_calls=64) as process:
        yield process


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Damage bytes: flip, cut, insert, double or blank some of them."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data)) if data else 0
        match chance.randrange(6):
            case 0 if data:
                data[at] ^= 1 << chance.randrange(8)
            case 1 if data:
                data[at] = chance.choice((0, 0x7F, 0x80, 0xFF))
            case 2:
                del data[at : at + chance.randint(1, 40)]
            case 3:
                data[at:at] = chance.randbytes(chance.randint(1, 16))
            case 4:
                data[at : at + 4] = struct.pack(">I", chance.choice((0, 1, 2**31 - 1, 2**32 - 1)))
            case 5:
                data = data[: chance.randrange(len(data) + 1)]
            case _:
                data += b"\x00"
    return bytes(data)


def pixel_bomb(side: int) -> bytes:
    """Write a PNG of `side` x `side` grey pixels, all alike: a file of some kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    # One bit a pixel: a gigapixel in 125 MB, which deflate takes to 120 kB.
    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


async def code(method: object, message: bytes) -> grpc.StatusCode:
    try:
        await method(message, timeout=60)  # type: ignore[operator] # a multicallable
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.slow
async def test_mutated_images_and_messages_break_nothing(running: EncoderProcess) -> None:
    """2,000 damaged inputs: no crash, no INTERNAL, no UNKNOWN, memory flat."""
    chance = random.Random(20261123)
    images = [picture(seed, form=form) for form in FORMS for seed in range(3)]
    process = psutil.Process(running.process.pid)
    codes: Counter[grpc.StatusCode] = Counter()
    outcomes: Counter[int] = Counter()
    sizes: list[int] = []
    async with open_channel(ChannelSettings(running.target)) as channel:
        stub = EncoderServiceStub(channel)
        raw = channel.unary_unary("/sketchzoo.encoder.v1.EncoderService/Embed")

        async def send() -> None:
            image = pb.Image(
                content=mutated(chance.choice(images), chance), modality=chance.choice((1, 2))
            )
            request = pb.EmbedRequest(images=[image])
            if chance.random() < 0.3:
                message = mutated(request.SerializeToString(), chance)
                codes[await code(raw, message)] += 1
                return
            answer = await stub.Embed(request, timeout=60)
            codes[grpc.StatusCode.OK] += 1
            outcomes[answer.results[0].status.code] += 1

        for _ in range(INPUTS // 20):
            await asyncio.gather(*[send() for _ in range(20)])
            sizes.append(process.memory_info().rss)
        await stub.GetModel(pb.GetModelRequest(), timeout=5)
    assert running.process.poll() is None
    assert sum(codes.values()) == INPUTS
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
    # Both outcomes must occur, or the inputs test nothing.
    assert set(outcomes) == {code_pb2.OK, code_pb2.INVALID_ARGUMENT}
    assert max(sizes[len(sizes) // 2 :]) - max(sizes[: len(sizes) // 4]) < FLAT_BYTES


async def test_a_gigapixel_is_refused_unpacked(running: EncoderProcess) -> None:
    """Its header is enough: memory does not move, and neighbours are answered."""
    bomb = pixel_bomb(32_768)
    assert len(bomb) < 200_000
    process = psutil.Process(running.process.pid)
    good = pb.Image(content=picture(), modality=pb.MODALITY_PHOTO)
    async with open_channel(ChannelSettings(running.target)) as channel:
        stub = EncoderServiceStub(channel)
        await stub.Embed(pb.EmbedRequest(images=[good]), timeout=30)
        before = process.memory_info().rss
        image = pb.Image(content=bomb, modality=pb.MODALITY_SKETCH)
        answer = await stub.Embed(pb.EmbedRequest(images=[good, image, good]), timeout=30)
        grown = process.memory_info().rss - before
    assert answer.results[1].status.code == code_pb2.INVALID_ARGUMENT
    assert "32768x32768 pixels; max_pixels allows 200000000" in answer.results[1].status.message
    assert answer.results[0].HasField("embedding")
    assert answer.results[2].HasField("embedding")
    # Unpacked it takes a gigabyte.
    assert grown < 32 * 1024 * 1024


async def test_a_large_frame_of_an_animation_is_bounded(running: EncoderProcess) -> None:
    """A GIF of many frames costs its first one."""
    frames = [Image.new("P", (512, 512), shade) for shade in range(120)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    async with open_channel(ChannelSettings(running.target)) as channel:
        image = pb.Image(content=file.getvalue(), modality=pb.MODALITY_PHOTO)
        answer = await EncoderServiceStub(channel).Embed(
            pb.EmbedRequest(images=[image]), timeout=30
        )
    assert answer.results[0].HasField("embedding")


async def test_a_message_over_the_limit_is_refused(running: EncoderProcess, tmp_path: Path) -> None:
    """16 MiB a message: gRPC refuses more before it is read."""
    image = pb.Image(content=bytes(17 * 1024 * 1024), modality=pb.MODALITY_PHOTO)
    settings = ChannelSettings(running.target, max_message_bytes=32 * 1024 * 1024)
    async with open_channel(settings) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await EncoderServiceStub(channel).Embed(pb.EmbedRequest(images=[image]), timeout=30)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
