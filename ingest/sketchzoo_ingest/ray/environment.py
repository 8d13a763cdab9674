"""The environment that Ray finds, in this process and those that it starts."""

import os
import secrets

from sketchzoo_ingest.settings import IngestSettings


def is_own(settings: IngestSettings) -> bool:
    """Tell whether the run starts a cluster of its own."""
    return not (settings.ray_address or os.environ.get("RAY_ADDRESS"))


def prepare(*, own: bool) -> None:
    """Set what Ray is to know, unless the operator did; to be called before Ray is imported.

    It reports its use to nobody. A cluster of one's `own` lets nobody else in, of this machine or
    its network, and a machine under load has time to start it.
    """
    values = {"RAY_USAGE_STATS_ENABLED": "0"}
    if own:
        values |= {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(16),
            "RAY_raylet_start_wait_time_s": "30",
            "RAY_gcs_rpc_server_connect_timeout_s": "60",
            "RAY_worker_register_timeout_seconds": "180",
            # The job has stepped back already, by its own setting.
            "RAY_worker_niceness": "0",
            # What has listed the sources closes the job, too, its imports done.
            "RAY_kill_idle_workers_interval_ms": "0",
        }
    for name, value in values.items():
        os.environ.setdefault(name, value)
