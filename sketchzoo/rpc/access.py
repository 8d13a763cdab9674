"""Access: which galleries the caller of the running call may use; its token says so.

The interceptor lets a call in before its message is read, and what the token grants goes along
with the call's task and those that it starts. A servicer asks here for every gallery that a
request names, before it looks for it: who may not use one does not learn whether it is there.
"""

from contextvars import ContextVar

import grpc

from sketchzoo.rpc.errors import CallError
from sketchzoo.token import Grant

# Each call has a task of its own, so nothing resets it.
_grant: ContextVar[Grant | None] = ContextVar("grant", default=None)


def let_in(grant: Grant | None) -> None:
    """Remember for the running call what its token grants; None where no token is asked for."""
    _grant.set(grant)


def may_use(gallery: str) -> bool:
    """Tell whether the running call's token is good for a gallery."""
    grant = _grant.get()
    return grant is None or grant.galleries is None or gallery in grant.galleries


def check_gallery(gallery: str) -> None:
    """Let the running call use a gallery, or refuse it.

    Raises:
        CallError: PERMISSION_DENIED; its token is good for others alone.

    """
    if not may_use(gallery):
        raise CallError(
            grpc.StatusCode.PERMISSION_DENIED,
            f"this token is not good for the gallery {gallery}",
        )
