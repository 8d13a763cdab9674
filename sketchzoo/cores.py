"""Cores: how many this process may really use."""

import os
from pathlib import Path

_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def available_cores(cpu_max: Path = _CPU_MAX) -> int:
    """Return the cores this process may run on, at least 1.

    The scheduler's affinity, and the quota of a container (cgroup v2 `cpu.max`), rounded
    up: a container limited to two of 64 cores must not start 64 workers.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = cpu_max.read_text().split()
        limit = -(-int(quota) // int(period))
    except (OSError, ValueError):  # no cgroup v2, or "max": no quota
        return max(1, cores or 1)
    return max(1, min(cores or 1, limit))
