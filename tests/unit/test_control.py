"""The channel between supervisor and workers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.errors import ConfigError, WorkerError, WorkerRefusedError
from pdp.server import control
from pdp.server.control import Data, Frame, Kind, Link

Handle = Callable[[Frame], Awaitable[Data]]


@contextlib.asynccontextmanager
async def channel(handle: Handle) -> AsyncIterator[tuple[Link, asyncio.StreamWriter, asyncio.Task[None]]]:
    """A link, the writer of the worker's end, and the task that answers there."""
    ours, theirs = socket.socketpair()
    link = Link(*await asyncio.open_unix_connection(sock=ours))
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    running = asyncio.create_task(link.run())
    answering = asyncio.create_task(control.answer(reader, writer, handle))
    try:
        yield link, writer, answering
    finally:
        link.close()
        await asyncio.gather(running, answering, return_exceptions=True)
        writer.close()


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_what_is_packed_is_unpacked(parts: list[bytes]) -> None:
    assert control.unpack(control.pack(parts)) == parts


def test_each_request_has_its_own_reply() -> None:
    async def run() -> None:
        later = asyncio.Event()

        async def handle(frame: Frame) -> Data:
            if frame.kind is Kind.VERSION:
                await later.wait()
            else:
                later.set()
            return {"kind": frame.kind.name, "size": len(frame.payload)}

        async with channel(handle) as (link, _, _):
            # The first is answered after the second, and neither waits for the other.
            first = asyncio.create_task(link.request(Kind.VERSION, bytes(3_000_000), within=30))
            await asyncio.sleep(0)
            second = await link.request(Kind.COLLECT, within=30)
            assert second == {"kind": "COLLECT", "size": 0}
            assert await first == {"kind": "VERSION", "size": 3_000_000}

    asyncio.run(run())


def test_a_refusal_says_why() -> None:
    async def refuse(_: Frame) -> Data:
        raise ConfigError("no such transport")

    async def fail(_: Frame) -> Data:
        raise KeyError

    async def run() -> None:
        async with channel(refuse) as (link, _, _):
            with pytest.raises(WorkerRefusedError, match="no such transport") as caught:
                await link.request(Kind.CONFIGURE, within=30)
            assert caught.value.reason == "config"
        async with channel(fail) as (link, _, _):
            with pytest.raises(WorkerRefusedError, match="KeyError") as caught:
                await link.request(Kind.CONFIGURE, within=30)
            assert caught.value.reason == ""

    asyncio.run(run())


def test_a_worker_that_is_silent_or_gone() -> None:
    async def never(_: Frame) -> Data:
        await asyncio.Event().wait()
        return {}

    async def run() -> None:
        async with channel(never) as (link, writer, _):
            with pytest.raises(WorkerError, match=r"no answer to STOP within 0.01 s"):
                await link.request(Kind.STOP, within=0.01)
            waiting = asyncio.create_task(link.request(Kind.STOP, within=30))
            await asyncio.sleep(0)
            writer.close()
            with pytest.raises(WorkerError, match="gone"):
                await waiting
            with pytest.raises(WorkerError, match="gone"):
                await link.request(Kind.STOP, within=30)

    asyncio.run(run())


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x01\0\0\0\x01\0\0\0\x09cut"], ids=["nothing", "half a head", "half a frame"]
)
def test_a_channel_that_ends_in_the_middle(data: bytes) -> None:
    async def run() -> Any:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await control.read_frame(reader)

    assert asyncio.run(run()) is None


def test_what_is_no_frame() -> None:
    async def run(data: bytes) -> Any:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        return await control.read_frame(reader)

    with pytest.raises(WorkerError, match="bytes on the control channel"):
        asyncio.run(run(b"\x01\0\0\0\x01\xff\xff\xff\xff"))
    with pytest.raises(WorkerError, match="kind 77"):
        asyncio.run(run(b"\x4d\0\0\0\x01\0\0\0\0"))
