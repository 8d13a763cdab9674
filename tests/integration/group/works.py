"""What a group's processes do in tests of the group itself: nothing, as long as they may."""

import os
import signal
import sys
from pathlib import Path

import structlog

from sketchzoo.group import Member
from sketchzoo.group.ledger import Ledger
from sketchzoo.group.processes import GroupError, Told, run_group
from sketchzoo.settings import ServerSettings


def serve(settings: ServerSettings, member: Member, told: Told) -> None:
    """Wait until SIGTERM, or fail where a file, its model, is gone."""
    model = settings.tls_certificate
    if model is None:
        raise RuntimeError("the settings must name a file")
    if not model.exists():
        raise FileNotFoundError(2, "No such file or directory", str(model))
    structlog.get_logger().info("told", process=member.index)
    told(process=member.index)
    signal.pause()


def group(model: Path, said: Path) -> None:
    """Run a group of two that logs to a file; status 3 and a line where it can't go on."""
    os.dup2(os.open(said, os.O_CREAT | os.O_WRONLY | os.O_APPEND), 1)
    settings = ServerSettings(tls_certificate=model, tls_key=model)
    try:
        run_group(settings, 2, serve)
    except GroupError as error:
        sys.stdout.write(f"GroupError: {error}\n")
        sys.exit(3)


def stopped_at_once(model: Path, said: Path) -> None:
    """Run a group that is asked to stop while its ledger is made."""
    create = Ledger.create

    def asked(size: int) -> Ledger:
        os.kill(os.getpid(), signal.SIGTERM)
        return create(size)

    Ledger.create = asked  # type: ignore[assignment,method-assign]
    group(model, said)
