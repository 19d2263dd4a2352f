"""A relay on a machine that holds everything back for a while: a long line, where the kernel has no `netem`.

The machine's own connections are led to the relay by its packet filter, so programs keep the addresses and names that
they know; the relay's connections carry a mark by which they are let through.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.cluster.network import Machine

_PORT = 61_999
_MARK = 0x4A58
_ORIGINAL_DESTINATION = 80
_CHUNK = 64 * 1024
_RULE = ("OUTPUT", "-t", "nat", "-p", "tcp", "-m", "mark", "!", "--mark", str(_MARK))


@contextlib.contextmanager
def distant(machine: Machine, others: Sequence[Machine], port: int, seconds: float) -> Iterator[None]:
    """Let all that a machine and others tell each other at a port of theirs take longer, by `seconds` each way.

    Connections are broken off at the beginning and at the end, as the old ones do not pass the relay.
    """
    with contextlib.ExitStack() as undo:
        undo.callback(_break_off, machine, others, port)
        command = [*machine.prefix, sys.executable, "-m", "tests.cluster.proxy", str(seconds)]
        relay = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
        undo.enter_context(relay)
        undo.callback(relay.kill)
        assert relay.stdout is not None
        assert relay.stdout.readline() == b"ready\n"
        for other in others:
            rule = (*_RULE, "-d", other.address, "--dport", str(port), "-j", "REDIRECT", "--to-ports", str(_PORT))
            machine.run("iptables", "-w", "-A", *rule)
            undo.callback(machine.run, "iptables", "-w", "-D", *rule)
        _break_off(machine, others, port)
        yield


def _break_off(machine: Machine, others: Sequence[Machine], port: int) -> None:
    for other in others:
        machine.run("ss", "--kill", "-H", "dst", other.address, "dport", "=", str(port))


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Connect to where a connection was meant to go, and pass everything on, later."""
    original = writer.get_extra_info("socket").getsockopt(socket.SOL_IP, _ORIGINAL_DESTINATION, 16)
    port, address = struct.unpack_from("!2xH4s", original)
    way = socket.socket()
    way.setblocking(False)
    way.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, _MARK)
    try:
        await asyncio.sleep(2 * seconds)
        await asyncio.get_running_loop().sock_connect(way, (socket.inet_ntoa(address), port))
        there = await asyncio.open_connection(sock=way)
    except OSError:
        way.close()
        writer.transport.abort()
        return
    tasks = [
        asyncio.create_task(passed_on(reader, there[1], seconds)),
        asyncio.create_task(passed_on(there[0], writer, seconds)),
    ]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for end in (writer, there[1]):
        end.transport.abort()


async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass bytes on in their order, each `seconds` after it came, until there are no more or nobody takes them."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)

    async def read() -> None:
        data = b"begun"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            await waiting.put((loop.time() + seconds, data))

    reading = asyncio.create_task(read())
    try:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                return
            writer.write(data)
            await writer.drain()
    except OSError:
        return
    finally:
        reading.cancel()


async def main() -> None:
    """Serve until killed; say `ready` when connections are taken."""
    seconds = float(sys.argv[1])
    server = await asyncio.start_server(lambda reader, writer: relay(reader, writer, seconds), "0.0.0.0", _PORT)  # noqa: S104 - of a namespace
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
