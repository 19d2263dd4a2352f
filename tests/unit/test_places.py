"""A place for a child: it is led out whenever the end comes, also while it comes up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from pdp.errors import WorkerError
from pdp.server import control
from pdp.server.control import Data, Frame, Kind, Link
from pdp.server.launch import launch_shipper
from pdp.server.places import Patience, Place

PATIENCE = 60.0


class Child:
    """Answers on its end of a channel until it is told to stop or killed."""

    def __init__(self, channel: socket.socket, pid: int) -> None:
        self.pid = pid
        self.grace: float | None = None
        self._channel = channel.dup()
        self._stopped = asyncio.Event()
        self._life = asyncio.create_task(self._run())

    async def _run(self) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=self._channel)
        answering = asyncio.create_task(control.answer(reader, writer, self._handle))
        stopping = asyncio.create_task(self._stopped.wait())
        await asyncio.wait((answering, stopping), return_when=asyncio.FIRST_COMPLETED)
        if self.grace is not None:
            await asyncio.wait((answering,), timeout=PATIENCE)
        for task in (answering, stopping):
            task.cancel()
        await asyncio.gather(answering, stopping, return_exceptions=True)
        writer.close()

    async def _handle(self, frame: Frame) -> Data:
        if frame.kind is Kind.STOP:
            self.grace = json.loads(frame.payload)["grace"]
            self._stopped.set()
        return {}

    async def wait(self) -> str:
        await asyncio.wait((self._life,))
        return "told to" if self.grace is not None else "killed"

    def kill(self) -> None:
        self._stopped.set()

    def cpu_ticks(self) -> int | None:
        return None


class Mute(Child):
    """Never answers; with `busy` it uses a processor meanwhile."""

    def __init__(self, channel: socket.socket, pid: int, *, busy: bool) -> None:
        super().__init__(channel, pid)
        self._busy = busy
        self._ticks = 0

    async def _run(self) -> None:
        await self._stopped.wait()
        self._channel.close()

    def cpu_ticks(self) -> int | None:
        self._ticks += self._busy
        return self._ticks


class Nursery:
    """A place whose children the test sees; `may_come` lets them come up."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.launched: asyncio.Queue[Child] = asyncio.Queue()
        self.ready: asyncio.Queue[int] = asyncio.Queue()
        self.may_come = asyncio.Event()
        self.may_come.set()
        self.place = Place("child", self._launch, self._prepare)

    async def _launch(self, channel: socket.socket) -> Any:
        self.children.append(Child(channel, len(self.children) + 1))
        self.launched.put_nowait(self.children[-1])
        return self.children[-1]

    async def _prepare(self, link: Link) -> None:
        await asyncio.wait_for(self.may_come.wait(), PATIENCE)
        await link.request(Kind.CONFIGURE, within=PATIENCE)
        self.place.state = "ready"
        self.ready.put_nowait(self.place.pid)


def test_a_child_gets_its_grace_and_none_follows() -> None:
    async def run() -> None:
        nursery = Nursery()
        await nursery.place.start()
        assert (nursery.place.pid, nursery.place.state) == (1, "ready")
        await nursery.place.stop(7)
        assert [child.grace for child in nursery.children] == [7]
        assert (nursery.place.pid, nursery.place.state, nursery.place.restarts) == (0, "down", 0)

    asyncio.run(run())


def test_a_dead_child_is_followed_by_another() -> None:
    async def run() -> None:
        nursery = Nursery()
        await nursery.place.start()
        nursery.children[0].kill()
        assert [await asyncio.wait_for(nursery.ready.get(), PATIENCE) for _ in range(2)] == [1, 2]
        assert (nursery.place.restarts, nursery.place.error) == (1, "killed")
        await nursery.place.stop(1)
        assert [child.grace for child in nursery.children] == [None, 1]

    asyncio.run(run())


def test_who_retires_is_not_followed() -> None:
    async def run() -> None:
        nursery = Nursery()
        await nursery.place.start()
        nursery.place.retire()
        nursery.children[0].kill()
        await nursery.children[0].wait()
        await nursery.place.stop(1)
        assert (len(nursery.children), nursery.place.state) == (1, "down")

    asyncio.run(run())


def test_the_end_also_reaches_a_child_that_is_coming_up() -> None:
    async def run() -> None:
        nursery = Nursery()
        await nursery.place.start()
        nursery.may_come.clear()
        nursery.children[0].kill()
        for _ in range(2):
            await asyncio.wait_for(nursery.launched.get(), PATIENCE)
        stopping = asyncio.create_task(nursery.place.stop(3))
        await asyncio.sleep(0)
        nursery.may_come.set()
        await asyncio.wait_for(stopping, PATIENCE)
        assert [child.grace for child in nursery.children] == [None, 3]

    asyncio.run(run())


def test_a_first_child_that_does_not_come_up_is_an_error() -> None:
    async def refuse(_: socket.socket) -> Any:
        raise OSError("no more processes")

    async def run() -> None:
        async def prepare(_: Link) -> None: ...

        place = Place("child", refuse, prepare)
        with pytest.raises(WorkerError, match="a child does not start: no more processes"):
            await place.start()
        await place.stop(0)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("busy", "patience", "reason"),
    [
        (False, Patience(0.01, 0.05, PATIENCE), "no sign of life for 0.05 s, and no processor used"),
        (True, Patience(0.01, 0.05, 0.3), "no answer to BEAT within 0.3 s"),
    ],
)
def test_a_child_that_gives_no_sign_of_life_is_replaced(
    busy: bool, patience: Patience, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        made: list[Child] = []
        ready: asyncio.Queue[int] = asyncio.Queue()

        async def launch(channel: socket.socket) -> Child:
            made.append(Child(channel, 2) if made else Mute(channel, 1, busy=busy))
            return made[-1]

        async def prepare(_: Link) -> None:
            ready.put_nowait(made[-1].pid)

        place = Place("child", launch, prepare, patience)
        await place.start()
        assert [await asyncio.wait_for(ready.get(), PATIENCE) for _ in range(2)] == [1, 2]
        await place.stop(0)

    asyncio.run(run())
    entries = dict(record.pdp_event for record in caplog.records if hasattr(record, "pdp_event"))
    assert entries["child.silent"] == {"reason": reason}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells what processor time others use")
def test_a_stopped_process_is_replaced() -> None:
    async def run() -> None:
        ready: asyncio.Queue[int] = asyncio.Queue()

        async def prepare(link: Link) -> None:
            await link.request(Kind.BEAT, within=PATIENCE)
            ready.put_nowait(place.pid)

        place = Place("shipper", launch_shipper, prepare, Patience(0.1, 1.0, PATIENCE))
        await place.start()
        first = await ready.get()
        os.kill(first, signal.SIGSTOP)
        assert await asyncio.wait_for(ready.get(), PATIENCE) != first
        assert (place.restarts, place.error) == (1, "signal SIGKILL")
        await place.stop(1)

    asyncio.run(run())
