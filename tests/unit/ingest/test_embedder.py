"""Photos that fail whole batches."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import grpc
import pytest

from sketchzoo.encoder_client import Embedded, ImageToEmbed
from sketchzoo.rpc import CallError
from sketchzoo.rpc.errors import MessageTooLargeError
from sketchzoo_ingest.embedder import Embedder
from sketchzoo_ingest.outcome import Reason, RefusedError
from sketchzoo_ingest.retry import RetryPolicy
from tests.unit.ingest.fakes import MODEL, FakeEncoder

LATE = CallError(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
LARGE = MessageTooLargeError(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large (9 vs. 8)")
GOOD = [b"a", b"bb", b"ccc"]


async def embed(encoder: FakeEncoder, *contents: bytes) -> list[Reason | float]:
    """Return each photo's first value, or the reason that it was refused for."""
    embedder = Embedder(encoder, MODEL, RetryPolicy(0.0, asyncio.Event()), 60.0)
    found = await embedder.embed(contents)
    return [one.reason if isinstance(one, RefusedError) else one.vector[0] for one in found]


async def test_batch_goes_in_one_call() -> None:
    """Where nothing fails, a batch is one call."""
    encoder = FakeEncoder()
    assert await embed(encoder, *GOOD) == [1, 2, 3]
    assert encoder.calls == [3]


@pytest.mark.parametrize(("error", "reason"), [(LATE, Reason.TOO_SLOW), (LARGE, Reason.TOO_LARGE)])
async def test_photo_that_fails_its_batch_is_refused_alone(
    error: CallError, reason: Reason
) -> None:
    """One photo that no call survives is refused; those that came along are embedded."""
    encoder = FakeEncoder(lasting={b"slow": error})
    assert await embed(encoder, *GOOD, b"slow", b"dddd") == [1, 2, 3, reason, 4]
    # The batch, a probe, each alone, and a probe before the one is blamed.
    assert encoder.calls == [5, 1, 1, 1, 1, 1, 1, 1]
    assert await embed(encoder, b"slow") == [reason]


async def test_batch_that_was_late_once_is_embedded() -> None:
    """A deadline that passed for another cause refuses nothing."""
    assert await embed(FakeEncoder(failures=[LATE]), *GOOD) == [1, 2, 3]


async def test_encoder_that_answers_nothing_refuses_no_photo() -> None:
    """Where a plain picture is not embedded either, the encoder is away: nobody is blamed."""
    encoder = FakeEncoder(failures=[LATE] * 9)
    with pytest.raises(CallError, match="DEADLINE_EXCEEDED"):
        await embed(encoder, *GOOD)
    # It may hang later, too: between the photos that are sent alone.
    encoder = FakeEncoder(lasting={b"slow": LATE})
    encoder.on_call = lambda: encoder.failures.append(LATE) if len(encoder.calls) > 2 else None
    with pytest.raises(CallError, match="DEADLINE_EXCEEDED"):
        await embed(encoder, b"slow", *GOOD)


async def test_other_failures_are_raised_at_once() -> None:
    """What no photo can be to blame for ends the batch, and nothing is sent again."""
    encoder = FakeEncoder(failures=[CallError(grpc.StatusCode.UNAUTHENTICATED, "no")])
    with pytest.raises(CallError, match="no"):
        await embed(encoder, *GOOD)
    assert encoder.calls == [3]


async def test_photo_without_a_finite_embedding_is_refused_alone() -> None:
    """The encoder has no answer for it (INTERNAL of this image): the others go on."""

    class Poisoned(FakeEncoder):
        async def embed(self, images: Sequence[ImageToEmbed], timeout_seconds: float) -> Embedded:
            answer = await super().embed(images, timeout_seconds)
            failed = CallError(grpc.StatusCode.INTERNAL, "images[1]: the answer is not finite")
            return replace(answer, outcomes=(answer.outcomes[0], failed, *answer.outcomes[2:]))

    encoder = Poisoned()
    assert await embed(encoder, *GOOD) == [1, Reason.ENCODER_REFUSED, 3]
    assert encoder.calls == [3]
