"""The composition root: settings in, a serving encoder out."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from encoder_service.metrics import EncoderMetrics
from encoder_service.pool import WorkerPool
from encoder_service.runtimes import Runtime
from encoder_service.runtimes.base import agreeing, warm
from encoder_service.runtimes.graphs import graphs_folder
from encoder_service.runtimes.text import TextRuntime, open_texts, warm_texts
from encoder_service.seeing import Seeing
from encoder_service.servicer import EncoderServicer
from encoder_service.settings import EncoderSettings
from encoder_service.watchdog import Watchdog
from sketchzoo.compiled import LIBRARY
from sketchzoo.cores import available_cores
from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.group import ALONE, Member
from sketchzoo.group.processes import Told, default_size, run_group
from sketchzoo.images import Modality, Preprocessing, share_memory
from sketchzoo.memory import give_back_freed
from sketchzoo.model import ModelArtefact
from sketchzoo.rpc import RpcServer, Service, run_main, run_until_signal
from sketchzoo.telemetry import MetricsPage, build_info, configure_logs, tracing

PART = "encoder"
SERVICE = "sketchzoo.encoder.v1.EncoderService"
_MOST_OF_A_DEVICE = 4
_BROKEN = 1
"""The exit status of a process that must be started anew."""

log = structlog.get_logger()


def run(settings: EncoderSettings) -> None:
    """Serve until SIGTERM or Ctrl-C, with as many processes as were asked for.

    Raises:
        ModelError: the model is missing or cannot be used.
        OSError: a port is taken or a TLS file is missing.
        GroupError: its processes end again and again.

    """
    configure_logs(PART, level=settings.log_level, form=settings.log_format)
    processes = settings.processes or default_processes(settings)
    if processes == 1:
        work(settings, ALONE, lambda **facts: log.info("serving", **facts))
        return
    ModelArtefact.load(settings.model)  # what is wrong with it is said before a process starts
    with graphs_folder() as graphs:
        run_group(settings, processes, partial(work, graphs=graphs))


def work(settings: EncoderSettings, member: Member, told: Told, graphs: Path | None = None) -> None:
    """Serve as one process until a signal; raises as `run` does."""
    configure_logs(PART, level=settings.log_level, form=settings.log_format)
    if member.ledger is not None:
        share_memory(member.ledger)
    with tracing(PART, settings.otlp_endpoint):
        broken = run_main(serve(settings, member, told, graphs))
    if broken:
        # No thread can be ended that waits for a dead device, and CUDA's own end would wait too.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_BROKEN)


async def serve(
    settings: EncoderSettings, member: Member, told: Told, graphs: Path | None = None
) -> bool:
    """Load and warm the model, then answer calls until a signal; True is an end by a failure."""
    start = time.perf_counter()
    artefact = ModelArtefact.load(settings.model)
    runtime = open_runtime(settings, artefact, graphs)
    texts = open_texts(artefact, graphs) if settings.texts else None
    async with serving(settings, artefact, runtime, texts=texts, member=member) as addresses:
        serves = partial(
            told,
            model=artefact.name,
            fingerprint=artefact.fingerprint,
            runtime=runtime.name,
            device=runtime.device,
            port=addresses.port,
            metrics_port=addresses.metrics_port,
            seconds=round(time.perf_counter() - start, 3),
        )
        stopped = asyncio.create_task(run_until_signal(member, serves))
        await asyncio.wait({stopped, addresses.broken}, return_when=asyncio.FIRST_COMPLETED)
        if addresses.broken.done():
            return True
        await stopped  # which may have failed
        return False


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports that are listened on; `broken` is done once the model runs no more."""

    port: int
    metrics_port: int | None
    broken: "asyncio.Task[None]"


@asynccontextmanager
async def serving(
    settings: EncoderSettings,
    artefact: ModelArtefact,
    runtime: Runtime,
    *,
    texts: TextRuntime | None = None,
    member: Member = ALONE,
) -> AsyncIterator[Addresses]:
    """Warm the model and answer calls while the context is open; a group shares the workers."""
    if LIBRARY is None and member.index == 0:
        log.warning("not compiled: drawings are prepared with NumPy, which takes longer")
    warm(runtime, artefact)
    if texts is not None:
        warm_texts(texts, artefact)
    give_back_freed()  # what loading a model took beside it
    registry = CollectorRegistry()
    build_info(registry, PART)
    metrics = EncoderMetrics(registry)
    workers = member.share(settings.workers or available_cores())
    watchdog = Watchdog(settings.device_timeout_seconds)
    pool = WorkerPool(
        runtime,
        {modality: tower.preprocessing for modality, tower in artefact.towers.items()},
        metrics,
        workers=workers,
        queue_calls=member.share(settings.queue_calls) or default_queue_calls(workers, runtime),
        max_delay_seconds=settings.max_delay_seconds,
        alone_after_seconds=settings.alone_after_seconds,
        counts=member.ledger,
        limits=settings.image_limits(),
        watchdog=watchdog,
        texts=texts,
    )
    servicer = EncoderServicer(
        pool,
        describe(artefact, runtime, texts, member.size),
        metrics,
        default_deadline_seconds=settings.default_deadline_seconds,
        seeing=Seeing.of(artefact),
    )
    service = Service(
        SERVICE,
        servicer,
        encoder_pb2_grpc.add_EncoderServiceServicer_to_server,
        quiet=frozenset({"GetModel"}),
    )
    with pool, MetricsPage(registry, settings.host, settings.metrics_port) as page:
        async with RpcServer(settings, [service], registry, member) as server:
            broken = asyncio.create_task(_until_broken(watchdog, server, pool))
            await server.set_serving(True)
            try:
                yield Addresses(server.port, page.port, broken)
            finally:
                broken.cancel()


async def _until_broken(watchdog: Watchdog, server: RpcServer, pool: WorkerPool) -> None:
    """Wait until the model runs no more; tell health, the calls under way, and the log."""
    reason = await watchdog.watch()
    await server.set_serving(False)
    pool.fail(reason)
    log.error("the model runs no more: ending, to be started anew", reason=reason)


def open_runtime(
    settings: EncoderSettings, artefact: ModelArtefact, graphs: Path | None = None
) -> Runtime:
    """Load the chosen runtime; only its own library is imported.

    `graphs` is the folder in which processes of a group share what each would make for itself
    (`encoder_service.runtimes.graphs`).

    Raises:
        ModelError: the artefact cannot be used.

    """
    if settings.runtime == "onnx":
        from encoder_service.runtimes.provider import open_onnx  # noqa: PLC0415 - chosen here

        return open_onnx(
            artefact,
            providers=settings.providers,
            threads_alone=settings.threads_alone,
            max_batch=settings.max_batch,
            graphs=graphs,
        )
    from encoder_service.runtimes.torch import Float32, TorchRuntime  # noqa: PLC0415 - chosen here

    runtime = TorchRuntime(
        artefact,
        device=settings.device,
        precision=settings.precision,
        max_batch=settings.max_batch,
    )
    agreeing(runtime, Float32(artefact), artefact)
    return runtime


def default_processes(settings: EncoderSettings) -> int:
    """Return how many processes serve where the operator chose no number.

    Threads of one interpreter keep some four cores busy; more than four processes of torch, or of
    an execution provider, would each hold the model on a device that they keep busy already.
    """
    by_cores = default_size()
    on_cpu = settings.runtime == "onnx" and settings.providers[0] == "cpu"
    return by_cores if on_cpu else min(by_cores, _MOST_OF_A_DEVICE)


def default_queue_calls(workers: int, runtime: Runtime) -> int:
    """Return how many calls may wait where the operator chose no number."""
    batches = 4 * runtime.max_batch if runtime.max_batch > 1 else 0
    return max(8 * workers, batches)


def describe(
    artefact: ModelArtefact,
    runtime: Runtime,
    texts: TextRuntime | None = None,
    processes: int = 1,
) -> encoder_pb2.GetModelResponse:
    """Say which model is served, on what, and by how many processes on one port."""
    tower = None
    if texts is not None:
        tower = encoder_pb2.TextTower(fingerprint=texts.fingerprint, context=texts.context)
    return encoder_pb2.GetModelResponse(
        text=tower,
        name=artefact.name,
        fingerprint=artefact.fingerprint,
        dimension=artefact.dimension,
        photo_input_size=artefact.towers[Modality.PHOTO].preprocessing.size,
        sketch_input_size=artefact.towers[Modality.SKETCH].preprocessing.size,
        runtime=runtime.name,
        device=runtime.device,
        processes=processes,
        min_score=artefact.min_score,
        photo_preprocessing=_told(artefact.towers[Modality.PHOTO].preprocessing),
        sketch_preprocessing=_told(artefact.towers[Modality.SKETCH].preprocessing),
        parts=[
            encoder_pb2.Part(name=part.name, size=part.size, weight=part.weight)
            for part in artefact.layout.parts
        ],
        focuses=[
            encoder_pb2.Focus(name=focus, factors=told.factors, min_score=told.min_score)
            for focus, told in artefact.layout.in_order()
        ],
    )


def _told(preprocessing: Preprocessing) -> encoder_pb2.Preprocessing:
    return encoder_pb2.Preprocessing(
        size=preprocessing.size,
        fit=preprocessing.fit,
        keep=preprocessing.keep,
        channels=preprocessing.channels,
        version=preprocessing.version,
    )
