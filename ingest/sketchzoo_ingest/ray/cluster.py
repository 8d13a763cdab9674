"""The cluster: connected to while the job runs."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from sketchzoo_ingest.ray.own import OwnCluster
from sketchzoo_ingest.settings import IngestSettings

_ANSWER_SECONDS = 10.0


@contextmanager
def cluster(settings: IngestSettings, own: OwnCluster | None) -> Iterator[None]:
    """Be connected in the context: to the cluster that is the run's `own`, else to the named one.

    Raises:
        OSError: it cannot be reached or started; the message says which.

    """
    if own is not None:
        _connect(own.address())
    else:
        address = settings.ray_address or os.environ["RAY_ADDRESS"]
        try:
            _check_listening(address)
            _connect(address)
        except Exception as error:
            # Of many kinds without a base in common: whatever it is, there is no cluster.
            raise OSError(f"no Ray cluster answers at {address}: {_first(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def workers(settings: IngestSettings) -> int:
    """Return how many workers the job has."""
    if settings.ray_workers is not None:
        return settings.ray_workers
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray's
    cpus = resources.get("CPU", 1.0) - settings.ray_encoders * settings.ray_encoder_cpus
    return max(1, int(cpus / (settings.ray_worker_cpus or 1.0)))


def _check_listening(address: str) -> None:
    """Refuse at once where nobody listens: Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdecimal():  # `auto` is looked up by Ray
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()


def _connect(address: str) -> None:
    # What processes of the cluster print is in their logs: this one's output is a report.
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
