"""What the supervisor and a worker say to each other over a socket pair: requests down, one reply to each up.

A frame is a kind, the number of the request it is or answers, and a payload with its length before it.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import json
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pdp.errors import PdpError, WorkerError, WorkerRefusedError

_HEADER = struct.Struct("!BII")
_LENGTH = struct.Struct("!I")
# A bundle of a very large bank has a few tens of megabytes.
MAX_FRAME = 1 << 30

Data = dict[str, Any]


class Kind(enum.IntEnum):
    """What a frame is."""

    CONFIGURE = 1
    """Down, first of all: a pickled `worker.WorkerConfig`. Answered with nothing."""
    CALLERS = 2
    """Down: what `callers.Registry.serialize` made, as JSON."""
    GRANTS = 3
    """Down: packed `bundle_pb2.Grant`, all there are."""
    VERSION = 4
    """Down: a `bundle_pb2.SignedBundle` to decide by. Answered with `revision` and `hash`."""
    LISTEN = 5
    """Down: take calls. Answered with `addresses`."""
    COLLECT = 6
    """Down: tell what was counted. Answered with a `facts.Snapshot`."""
    DRAIN = 7
    """Down: say NOT_SERVING."""
    STOP = 8
    """Down: `grace` seconds for the calls in flight, then end."""
    SHADOW = 9
    """Down: packed, the `sample` (a share, as JSON) and a `bundle_pb2.SignedBundle` to compare with; empty for none."""
    STALE = 10
    """Down: `heard`, the monotonic time in ns at which the control store was last heard, as JSON; empty when it is."""
    ACTIVE = 11
    """Down, packed: `revision`, `until`, `reset` and `gone` as JSON, and the `account_pb2.ActiveGrant` that changed."""
    BEAT = 12
    """Down: show a sign of life. Answered with nothing, at once and whatever else the process is at."""
    ASK = 50
    """Up, packed: what a worker asks of the supervisor, as JSON, and its data."""
    TOLD = 51
    """Down, packed: the answer to ASK, as JSON, and its data; `error` in it says why there is none."""
    DONE = 100
    """Up: what was asked for is done."""
    REFUSED = 101
    """Up: it is not, and everything is as before; `error` says why and `code` is that of the exception."""


_KINDS = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    kind: Kind
    number: int
    payload: bytes


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame; None when the other side is gone. Raises WorkerError for what is no frame."""
    try:
        kind, number, size = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        if size > MAX_FRAME:
            raise WorkerError(f"a frame of {size} bytes on the control channel")
        if kind not in _KINDS:
            raise WorkerError(f"a frame of kind {kind} on the control channel")
        payload = await reader.readexactly(size)
    except (asyncio.IncompleteReadError, OSError):
        return None
    return Frame(Kind(kind), number, payload)


def write_frame(writer: asyncio.StreamWriter, kind: Kind, number: int, payload: bytes) -> None:
    """Queue a frame."""
    writer.write(_HEADER.pack(kind, number, len(payload)))
    writer.write(payload)


def pack(parts: Iterable[bytes]) -> bytes:
    """Return several byte strings as one."""
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def unpack(data: bytes) -> list[bytes]:
    """Return what `pack` joined."""
    parts, at = [], 0
    while at < len(data):
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        parts.append(data[at : at + size])
        at += size
    return parts


Serve = Callable[[Data, bytes], Awaitable[tuple[Data, bytes]]]
"""Answers what a worker asks, words and data with words and data. Raises PdpError."""


async def _nobody(words: Data, data: bytes) -> tuple[Data, bytes]:
    raise WorkerError(f"nobody answers {words.get('what')} here ({len(data)} bytes)")


class Link:
    """The supervisor's end of the channel to one worker. `serve` answers what the worker asks."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, serve: Serve | None = None
    ) -> None:  # fmt: skip
        self._reader = reader
        self._writer = writer
        self._serve = serve or _nobody
        self._serving: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Data]] = {}
        self._gone = False

    async def run(self) -> None:
        """Take in replies until the worker closes its end."""
        try:
            while (frame := await read_frame(self._reader)) is not None:
                if frame.kind is Kind.ASK:
                    task = asyncio.create_task(self._tell(frame))
                    self._serving.add(task)
                    task.add_done_callback(self._serving.discard)
                    continue
                waiting = self._waiting.pop(frame.number, None)
                if waiting is None or waiting.done():
                    continue
                data: Data = json.loads(frame.payload or b"{}")
                if frame.kind is Kind.DONE:
                    waiting.set_result(data)
                else:
                    waiting.set_exception(WorkerRefusedError(data["error"], data["code"]))
        finally:
            self._gone = True
            for task in self._serving:
                task.cancel()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(WorkerError("the process is gone"))
            self._waiting.clear()

    async def _tell(self, frame: Frame) -> None:
        data = b""
        try:
            asked, body = unpack(frame.payload)
            words, data = await self._serve(json.loads(asked), body)
        except Exception as error:  # whatever a worker asks, the channel goes on
            words = {"error": str(error) or type(error).__name__}
        if not self._gone:
            write_frame(self._writer, Kind.TOLD, frame.number, pack((json.dumps(words).encode(), data)))

    async def request(self, kind: Kind, payload: bytes = b"", *, within: float) -> Data:
        """Ask for something and return the reply.

        Raises WorkerRefusedError when the worker refuses, WorkerError when it is gone or silent for `within` seconds.
        """
        if self._gone:
            raise WorkerError("the process is gone")
        number = next(self._numbers) & 0xFFFF_FFFF
        waiting: asyncio.Future[Data] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            async with asyncio.timeout(within):
                write_frame(self._writer, kind, number, payload)
                await self._writer.drain()
                return await waiting
        except TimeoutError:
            raise WorkerError(f"no answer to {kind.name} within {within:g} s") from None
        except OSError as error:
            raise WorkerError("the process is gone") from error
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Hang up, which tells the worker to end."""
        self._writer.close()


Told = Callable[[Data, bytes], None]
"""Hears the supervisor's answer."""


class Asking:
    """A worker's own questions to its supervisor. `ask` may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, writer: asyncio.StreamWriter) -> None:
        self._loop = loop
        self._writer = writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Told] = {}

    def ask(self, words: Data, data: bytes, told: Told) -> None:
        """Ask; `told` hears the answer in the thread of the loop, or never when the supervisor is gone."""
        number = next(self._numbers) & 0xFFFF_FFFF

        def send() -> None:
            self._waiting[number] = told
            write_frame(self._writer, Kind.ASK, number, pack((json.dumps(words).encode(), data)))

        self._loop.call_soon_threadsafe(send)

    def hear(self, frame: Frame) -> None:
        """Take an answer."""
        told = self._waiting.pop(frame.number, None)
        if told is not None:
            words, data = unpack(frame.payload)
            told(json.loads(words), data)


async def answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    handle: Callable[[Frame], Awaitable[Data]],
    asking: Asking | None = None,
) -> None:
    """Run a worker's end: handle requests, each beside the others, until the supervisor hangs up.

    `asking` hears the answers to what the worker itself asked.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def run(frame: Frame) -> None:
        try:
            data, kind = await handle(frame), Kind.DONE
        except Exception as error:  # the supervisor decides what becomes of a worker that cannot do something
            data, kind = {"error": str(error) or type(error).__name__}, Kind.REFUSED
            data["code"] = error.code if isinstance(error, PdpError) else ""
        write_frame(writer, kind, frame.number, json.dumps(data).encode())

    while (frame := await read_frame(reader)) is not None:
        if frame.kind is Kind.TOLD:
            if asking is not None:
                asking.hear(frame)
            continue
        if frame.kind is Kind.BEAT:
            write_frame(writer, Kind.DONE, frame.number, b"{}")
            continue
        task = asyncio.create_task(run(frame))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
