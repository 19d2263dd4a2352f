"""The zygote: it has imported everything, opened nothing and started no thread, and children are forked off it.

A child that is started as a program of its own spends the first second of its life on imports. One that is forked is
there at once, runs the very code that the supervisor runs, whatever was installed meanwhile, and shares its memory.
grpc does not survive a fork once it is in use: the zygote has imported it and never uses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import itertools
import json
import logging
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from pdp.server import logs, shipping, worker
from pdp.server.launch import Launch, Launched, call_process, cpu_ticks, how_it_ended, launch_process, launch_shipper

log = logging.getLogger(__name__)

_MAINS: Final[dict[str, Callable[[list[str]], None]]] = {"worker": worker.main, "shipper": shipping.main}
BIRTH_SECONDS = 60.0
"""A fork takes a millisecond; a machine that is loaded beyond measure has that long."""
_TELLING_SECONDS: Final = 1.0
_MESSAGE_BYTES: Final = 4096
_MOST_DESCRIPTORS: Final = 8
_STANDARD: Final = (0, 1, 2)


class Launchers(NamedTuple):
    """How each kind of child is started."""

    worker: Launch
    shipper: Launch


@contextlib.contextmanager
def launching() -> Iterator[Launchers]:
    """Yield how children are started: forked off a zygote, or as programs where that is not safe or not possible.

    To be entered before this process starts or opens anything.
    """
    if not _is_possible():
        yield Launchers(launch_process, launch_shipper)
        return
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _end_with(partial(_live, theirs))
    theirs.close()
    zygote = Zygote(ours, pid)
    try:
        yield Launchers(
            partial(zygote.launch, "worker", launch_process), partial(zygote.launch, "shipper", launch_shipper)
        )  # fmt: skip
    finally:
        zygote.close()


class Zygote:
    """Its other end, in the supervisor. `pid` is its process."""

    def __init__(self, control: socket.socket, pid: int) -> None:
        control.setblocking(False)
        self._control = control
        self.pid = pid
        self._is_gone = False
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[Launched]] = {}
        self._children: dict[int, _Forked] = {}

    def close(self) -> None:
        """End it; its children live on."""
        if not self._is_gone:
            self._is_gone = True
            self._control.close()
            # It has nothing to lose, and one that was stopped would not see that we are gone.
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    async def launch(
        self, kind: str, otherwise: Launch, channel: socket.socket, descriptors: Sequence[int] = ()
    ) -> Launched:
        """Fork a child of this kind off, or start it `otherwise` if the zygote is gone.

        Raises OSError, also when it is lost meanwhile: a child may have been born with this channel, so that the next
        attempt must have another.
        """
        if self._is_gone:
            return await otherwise(channel, descriptors)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._control, self._read)
        number, passed = next(self._numbers), [channel.fileno(), *descriptors]
        request = json.dumps({"number": number, "kind": kind, "descriptors": passed}).encode()
        born: asyncio.Future[Launched] = loop.create_future()
        self._asked[number] = born
        try:
            socket.send_fds(self._control, [request], passed)
            async with asyncio.timeout(BIRTH_SECONDS):
                return await born
        except TimeoutError:
            self._lose()
            raise OSError(f"the zygote did not answer for {BIRTH_SECONDS:g} s") from None
        except (BrokenPipeError, ConnectionResetError):
            self._lose()
        finally:
            self._asked.pop(number, None)
        return await otherwise(channel, descriptors)

    def _read(self) -> None:
        try:
            text, handles, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            text, handles = b"", []
        if not text:
            self._lose()
            return
        told = json.loads(text)
        if "code" in told:
            if (ended := self._children.pop(told["pid"], None)) is not None:
                ended.end(how_it_ended(told["code"]))
            return
        born = self._asked.get(told["number"])
        if "error" in told:
            _fail(born, OSError(told["error"]))
            return
        child = self._children[told["pid"]] = _Forked(told["pid"], handles[0])
        if born is not None and not born.done():  # else nobody waits for it: it ends when its channel does
            born.set_result(child)

    def _lose(self) -> None:
        if self._is_gone:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control)
        self.close()
        logs.event(
            log, logging.WARNING, "zygote.gone", "it has ended; from now on children are started as programs",
            children=len(self._children),
        )  # fmt: skip
        for born in self._asked.values():
            _fail(born, OSError("the zygote ended"))
        self._children.clear()  # each sees for itself that it ends


def _fail(born: asyncio.Future[Launched] | None, error: Exception) -> None:
    if born is not None and not born.done():
        born.set_exception(error)


class _Forked:
    """A child of the zygote. `handle` is its pidfd: that number is never another process's."""

    def __init__(self, pid: int, handle: int) -> None:
        self.pid = pid
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._loop.add_reader(handle, self._see)

    async def wait(self) -> str:
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def cpu_ticks(self) -> int | None:
        return cpu_ticks(self.pid)

    def end(self, how: str) -> None:
        """It has ended."""
        if not self._ended.done():
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._ended.set_result(how)

    def _see(self) -> None:
        # The zygote alone can tell how, if it is there and well.
        self._loop.remove_reader(self._handle)
        self._loop.call_later(_TELLING_SECONDS, self.end, "ended, nobody saw how")


def _is_possible() -> bool:
    """Return whether a fork is safe here (one thread), and whether the system has what is needed (Linux 5.3)."""
    try:
        os.close(os.pidfd_open(os.getpid()))
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except (AttributeError, OSError):
        return False


def _live(control: socket.socket) -> None:
    """Fork whenever the supervisor asks, tell it how children ended, and end with it."""
    # A terminal or a service manager signals all processes at once; the supervisor alone leads the way out.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _detach()
    call_process("pdp-zygote")
    # What is there now is never garbage: collecting would write into memory that is shared.
    gc.collect()
    gc.freeze()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it is not there to be told
        _serve(control)


def _serve(control: socket.socket) -> None:
    children: dict[int, int] = {}
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    while True:
        for ready, _ in waiting.poll():
            if ready != control.fileno():
                waiting.unregister(ready)
                pid = children.pop(ready)
                os.close(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                control.send(json.dumps({"pid": pid, "code": code}).encode())
                continue
            request, descriptors, _, _ = socket.recv_fds(
                control, _MESSAGE_BYTES, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
            if not request:
                return
            asked = json.loads(request)
            answer = {"number": asked["number"]}
            try:
                pid = os.fork()
            except OSError as error:
                control.send(json.dumps(answer | {"error": str(error)}).encode())
            else:
                if pid == 0:
                    _end_with(partial(_become, asked["kind"], descriptors, asked["descriptors"]))
                handle = os.pidfd_open(pid)
                children[handle] = pid
                waiting.register(handle, select.POLLIN)
                socket.send_fds(control, [json.dumps(answer | {"pid": pid}).encode()], [handle])
            for descriptor in descriptors:
                os.close(descriptor)


def _become(kind: str, descriptors: Sequence[int], numbers: Sequence[int]) -> None:
    """Be a child with these descriptors at these numbers and no others, as one that was started as a program."""
    above = max(*descriptors, *numbers) + 1
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, above) for descriptor in descriptors]
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number not in _STANDARD and number not in moved:
            with contextlib.suppress(OSError):  # that by which the folder was listed
                os.close(number)
    for descriptor, number in zip(moved, numbers, strict=True):
        os.dup2(descriptor, number, inheritable=False)
        os.close(descriptor)
    _MAINS[kind](["--control-fd", str(numbers[0])])


def _detach() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in _STANDARD[:2]:
        os.dup2(nothing, number)
    os.close(nothing)


def _end_with(life: Callable[[], None]) -> NoReturn:
    """Live, and end as a program does, but for what the process that was forked meant to do at its own end."""
    code = 1
    try:
        life()
        code = 0
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
