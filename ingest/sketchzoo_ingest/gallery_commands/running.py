"""How a command that asks Qdrant runs: errors become one line and an exit status."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sketchzoo.cli.status import AWAY, REFUSED, UNUSABLE, end
from sketchzoo.settings import LogSettings

T = TypeVar("T")


def run(command: str, settings: LogSettings, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work of `gallery <command>` comes to, or end the process."""
    import grpc  # noqa: PLC0415 - loaded when the command runs

    from sketchzoo.rpc import CallError  # noqa: PLC0415 - as above
    from sketchzoo.telemetry import configure_logs  # noqa: PLC0415 - as above

    # To stderr: what a command tells is for scripts, too.
    configure_logs(f"gallery-{command}", level=settings.log_level, form=settings.log_format)
    try:
        return asyncio.run(work)
    except CallError as error:
        away = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        end(f"gallery {command}", error.message, AWAY if error.code in away else REFUSED)
    except (OSError, ValueError) as error:
        end(f"gallery {command}", error, UNUSABLE)


def described(url: str) -> str:
    """Return a Qdrant's address with the stack that it belongs to, if one runs."""
    from sketchzoo import running  # noqa: PLC0415 - loaded when the command runs

    return running.described(url)
