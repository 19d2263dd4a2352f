"""The shipper: a process that brings records from this machine into the store and signs checkpoints over them.

`python -m pdp.server.shipping --control-fd N` is started by the supervisor and does what comes over the control
channel. When the supervisor is gone it ends itself; what it has not shipped stays on the disk for the next one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import pickle
import signal
import socket
import sys
from pathlib import Path

from pdp.errors import WorkerError
from pdp.server import control, logs
from pdp.server.carrier import Carrier
from pdp.server.control import Data, Frame, Kind
from pdp.server.launch import call_process
from pdp.server.settings import Settings
from pdp.snapshot.ship import step_back

# Without a supervisor its successor waits for its turn.
_ORPHAN_SECONDS = 2.0

log = logging.getLogger(__name__)


class Shipping:
    """What a shipper process holds. `handle` does what the supervisor asks for."""

    def __init__(self, *, own_process: bool) -> None:
        self._own_process = own_process
        self._loop = asyncio.get_running_loop()
        self._carrier: Carrier | None = None
        self.failed = False
        self.stopped = asyncio.Event()

    async def handle(self, frame: Frame) -> Data:
        """Do what a frame says. Raises PdpError when it cannot be done."""
        match frame.kind:
            case Kind.CONFIGURE:
                # The only one at the other end is the supervisor, which started this process.
                await asyncio.to_thread(self._configure, pickle.loads(frame.payload))  # noqa: S301 - as said
            case Kind.COLLECT:
                return {} if self._carrier is None else dict(await asyncio.to_thread(self._carrier.facts))
            case Kind.STOP:
                await self.stop(json.loads(frame.payload)["grace"])
            case _:
                raise WorkerError(f"{frame.kind.name} is no request")
        return {}

    def _configure(self, settings: Settings) -> None:
        if self._own_process:
            logs.configure(settings.log.format, settings.log.level)
            os.umask(0o077)
            # Decisions come first.
            step_back(settings.audit.shipper_nice)
        self._carrier = Carrier(settings, self._fail)
        self._carrier.start()

    def _fail(self) -> None:
        self.failed = True
        self._loop.call_soon_threadsafe(self.stopped.set)

    async def stop(self, grace: float) -> None:
        """Ship what there is, at the latest after `grace` seconds, and sign a last checkpoint."""
        if self._carrier is not None:
            await asyncio.to_thread(self._carrier.stop, grace)
        self.stopped.set()


async def ship(channel: socket.socket, *, own_process: bool) -> bool:
    """Do what comes over the channel until told to stop, or until the supervisor is gone.

    Return whether all went well.
    """
    reader, writer = await asyncio.open_unix_connection(sock=channel, limit=1 << 20)
    shipping = Shipping(own_process=own_process)
    answering = asyncio.create_task(control.answer(reader, writer, shipping.handle))
    stopping = asyncio.create_task(shipping.stopped.wait())
    await asyncio.wait((answering, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not shipping.stopped.is_set():
        logs.event(log, logging.WARNING, "shipper.orphaned", "the supervisor is gone; stopping")
        await shipping.stop(0)
    stopping.cancel()
    if not shipping.failed:
        await asyncio.wait((answering,), timeout=_ORPHAN_SECONDS)  # the supervisor hangs up once it has the reply
    answering.cancel()
    writer.close()
    await asyncio.gather(answering, stopping, return_exceptions=True)
    return not shipping.failed


def main(arguments: list[str] | None = None) -> None:
    """Run as a process."""
    parser = argparse.ArgumentParser(prog=Path(__file__).stem, description=__doc__)
    parser.add_argument("--control-fd", type=int, required=True)
    channel = socket.socket(fileno=parser.parse_args(arguments).control_fd)
    # A terminal or a service manager signals all processes at once; the supervisor alone leads the way out.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    call_process("pdp-shipper")
    sys.exit(not asyncio.run(ship(channel, own_process=True)))


if __name__ == "__main__":
    main()
