"""What the staff's services on the control plane need of their host, which lives in an event loop of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from pdp.control.callers import CallerDesk
from pdp.control.grants.desk import GrantDesk
from pdp.control.nodes import Nodes
from pdp.control.revisions import Revisions
from pdp.errors import ControlStoreError, StoppingError
from pdp.server.caller_register import CallerRegister
from pdp.v1 import snapshot_pb2

T = TypeVar("T")

CALL_SECONDS: Final = 60.0
"""Publishing a large set writes many pieces; who needs longer is stuck."""


class Run(Protocol):
    """Runs a coroutine where the control store lives, for a thread that waits for it."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T:
        """Return what it returns or raise what it raises; StoppingError when the loop has ended, ControlStoreError when
        it takes too long.
        """


@dataclass(frozen=True, slots=True)
class CallerHost:
    """`register` knows the callers of this node's file; `counts` tells whether managed ones may call here; `look` has
    this node judge calls by them as they are now.
    """

    desk: CallerDesk
    register: CallerRegister
    counts: bool
    look: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class ControlHost:
    """`record` makes an operation durable before it returns, or raises SpoolError.

    `follows` names the folder whose text this server publishes; empty when people publish.
    """

    revisions: Revisions
    nodes: Nodes
    run: Run
    record: Callable[[snapshot_pb2.Operation], None]
    follows: str = ""
    grants: GrantDesk | None = None
    callers: CallerHost | None = None


class LoopRunner:
    """A `Run` on a running event loop; `within` bounds each call in seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, within: float = CALL_SECONDS) -> None:
        self._loop = loop
        self._within = within

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T:
        """See `Run`."""
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:  # the loop is closed
            work.close()
            raise StoppingError("the server stops; ask another node") from error
        try:
            return future.result(self._within)
        except concurrent.futures.CancelledError as error:
            raise StoppingError("the server stops; ask another node") from error
        except TimeoutError as error:
            if future.done():
                raise
            future.cancel()
            raise ControlStoreError(f"it takes longer than {self._within:g} s") from error
