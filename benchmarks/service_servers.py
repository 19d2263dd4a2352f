"""A running server under test: its processes, a way to ask it, and what it uses."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import service_usage

_READY_SECONDS = 120.0
_CALL_SECONDS = 30.0
_STOP_SECONDS = 20.0


class BenchmarkError(Exception):
    """A server did not do what it should, so that its figures would mean nothing."""


class Server:
    """A process with all that it starts, until the `with` block ends. Its log is kept in a file.

    One that `settles` works on after its answers have left, and must come to rest before another has its turn.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, *, settles: bool = False
    ) -> None:
        self.command = list(command)
        self.address = ""
        self.settles = settles
        self._log = log
        self._channel: grpc.Channel | None = None
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._channel is not None:
            self._channel.close()
        everything = self.processes()
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in everything:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def wait_for_line(self) -> None:
        """Wait for the line `ready ADDRESS …` on its stdout. Raises BenchmarkError."""
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], _READY_SECONDS)
        words = self._process.stdout.readline().decode().split() if readable else []
        if words[:1] != ["ready"]:
            raise self._failure("did not get ready")
        self.address = words[1]

    def wait_for_port(self, address: str) -> None:
        """Wait until it answers HTTP/2 at the address. Raises BenchmarkError."""
        self.address = address
        deadline = time.monotonic() + _READY_SECONDS
        ready = grpc.channel_ready_future(self.channel)
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(grpc.FutureTimeoutError):
                ready.result(0.2)
                return
        raise self._failure("did not get ready")

    @property
    def channel(self) -> grpc.Channel:
        """A gRPC channel to it, for what is not timed."""
        if self._channel is None:
            self._channel = grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])
        return self._channel

    def ask(self, path: str, request: bytes) -> bytes:
        """Return the reply to one call. Raises BenchmarkError when there is none."""
        try:
            reply: bytes = self.channel.unary_unary(path, None, None)(request, timeout=_CALL_SECONDS)
        except grpc.RpcError as error:
            raise self._failure(f"answered {path} with {error}") from error
        return reply

    def processes(self) -> list[int]:
        """Return the ids of its processes."""
        return service_usage.tree(self._process.pid)

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its processes so far."""
        return service_usage.cpu_seconds(self.processes())

    def resident_bytes(self) -> int:
        """Return the memory of all its processes."""
        return service_usage.resident_bytes(self.processes())

    def _failure(self, what: str) -> BenchmarkError:
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
        return BenchmarkError(f"`{' '.join(self.command)}` {what}\n{tail}")
