"""The composition root of the engine for a cluster: settings and sources in, a report out."""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack, redirect_stdout
from pathlib import Path
from typing import TextIO

import fsspec
import structlog
from prometheus_client import CollectorRegistry
from pyarrow import parquet

from sketchzoo.qdrant import PhotoWriter, connect
from sketchzoo.rpc import run_main
from sketchzoo.running import described
from sketchzoo.storage import scheme_of
from sketchzoo.telemetry import MetricsPage, request_context
from sketchzoo_ingest.metrics import IngestMetrics
from sketchzoo_ingest.outcome import Reason, Refusal
from sketchzoo_ingest.progress import Display, progress
from sketchzoo_ingest.ray.cluster import cluster, workers
from sketchzoo_ingest.ray.encoders import Line, start_encoders, stop_encoders
from sketchzoo_ingest.ray.engine import Engine
from sketchzoo_ingest.ray.environment import is_own
from sketchzoo_ingest.ray.gauge import Gauge
from sketchzoo_ingest.ray.own import OwnCluster
from sketchzoo_ingest.ray.plan import Draft
from sketchzoo_ingest.ray.records import Records
from sketchzoo_ingest.report import Report
from sketchzoo_ingest.retry import RetryPolicy
from sketchzoo_ingest.settings import IngestSettings
from sketchzoo_ingest.sources import Source
from sketchzoo_ingest.stopping import stopped_by_signals
from sketchzoo_ingest.tally import RefusalsFile
from sketchzoo_ingest.usage import UsageError, usage

log = structlog.get_logger()
_AT_ONCE = 1024


def run(
    settings: IngestSettings,
    named: Sequence[tuple[str, Source]],
    errors: TextIO | None,
    display: Display,
    own: OwnCluster | None,
) -> Report:
    """Ingest sources, by their names, on a cluster: the run's own, or the one of the settings.

    Raises:
        UsageError: a setting cannot be used, or there is no cluster.

    """
    begun = time.perf_counter()
    sources = [source for _, source in named]
    with usage():
        draft = Draft(
            settings,
            tuple(name for name, _ in named),
            tuple(source.classes.of for source in sources),
            _checkpoint(settings),
        )
        Records(draft.checkpoint).prepare()
        _check_letters(settings.dead_letters)
    with ExitStack() as opened:
        # Ray prints of processes that ended, whatever it is told: stdout is the report's.
        opened.enter_context(redirect_stdout(sys.stderr))
        with usage():
            opened.enter_context(cluster(settings, own))
        return run_main(ingest(draft, sources, errors, display, begun))


async def ingest(
    draft: Draft,
    sources: Sequence[Source],
    errors: TextIO | None,
    display: Display,
    begun: float,
) -> Report:
    """Wire the driver's parts, run the job, close the parts.

    Raises:
        UsageError: a setting cannot be used, a port is taken or a file is missing.

    """
    settings = draft.settings
    stop = asyncio.Event()
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    gauge = Gauge(metrics)
    with usage():
        connection = connect(settings, registry)
        page = MetricsPage(registry, settings.metrics_host, settings.metrics_port)
    lines = _lines(settings)
    engine = Engine(
        draft=draft,
        sources=sources,
        lines=lines,
        workers=workers(settings),
        writer=PhotoWriter(connection, settings.gallery, settings.collection_options()),
        retry=RetryPolicy(settings.retry_seconds, stop, metrics.retried),
        gauge=gauge,
        stop=stop,
    )
    try:
        async with AsyncExitStack() as open_parts:
            with usage():
                open_parts.enter_context(page)
            open_parts.enter_context(request_context(None))
            open_parts.enter_context(stopped_by_signals(stop))
            log.info(
                "ingesting",
                sources=[source.name for source in sources],
                engine="ray",
                workers=workers(settings),
                encoders=[line.target for line in lines if line.target] or settings.ray_encoders,
                qdrant=described(settings.qdrant_url),
                metrics_port=page.port,
            )
            await open_parts.enter_async_context(progress(display, gauge, lambda: gauge.total))
            report = await engine.run(begun)
            if errors is not None and engine.letters:
                _copy_letters(engine.letters, RefusalsFile(errors))
            return report
    finally:
        stop_encoders(lines)
        await connection.close()


def _lines(settings: IngestSettings) -> list[Line]:
    if settings.ray_encoders:
        return start_encoders(settings)
    return [Line(target) for target in settings.ray_encoder_targets or (settings.encoder_target,)]


def _checkpoint(settings: IngestSettings) -> str:
    if settings.ray_checkpoint is not None:
        if scheme_of(settings.ray_checkpoint):
            return settings.ray_checkpoint
        return str(Path(settings.ray_checkpoint).absolute())
    if not is_own(settings):
        raise UsageError(
            "ray_checkpoint must name a folder that driver and workers reach alike, a path or a "
            "uri as s3://bucket/ingest: the cluster has other machines"
        )
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return str(Path(state) / "sketchzoo" / "ingest")


def _check_letters(name: str | None) -> None:
    """Refuse a file that cannot be written, before hours of work."""
    if name is not None and not scheme_of(name) and not Path(name).absolute().parent.is_dir():
        raise ValueError(f"dead_letters {name}: there is no such folder")


def _copy_letters(name: str, file: RefusalsFile) -> None:
    with fsspec.open(name, "rb") as opened, parquet.ParquetFile(opened) as letters:
        for batch in letters.iter_batches(_AT_ONCE):
            for told in batch.to_pylist():
                reason, name_of = Reason(told["reason"]), told["class"]
                file.add(Refusal(told["origin"], reason, told["message"], told["uri"], name_of))
