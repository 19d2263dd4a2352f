"""Runs `pdp` again and again from one process that has imported it: most of a short command's time is its imports.

Each command is a process of its own, forked before grpc has done anything, with the arguments, environment, folder
and streams of who asked: `stub` has the other end.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import io
import marshal
import os
import pkgutil
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from typing import NoReturn

# What these import on top takes long, and commands of tests do not need it.
_LEFT_OUT = ("pdp.server.native", "pdp.server.tracing")


def preload() -> None:
    """Import all of `pdp`."""
    import pdp

    for module in pkgutil.walk_packages(pdp.__path__, "pdp."):
        if module.name.rpartition(".")[2] != "__main__" and not module.name.startswith(_LEFT_OUT):
            with contextlib.suppress(ImportError):  # of an optional dependency
                importlib.import_module(module.name)
    # Commands share these pages; a collection would write into each of them.
    gc.collect()
    gc.freeze()


class Forker:
    """Takes commands from a socket until its standard input ends."""

    def __init__(self, path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(64)
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._listener, selectors.EVENT_READ)
        self._ready.register(0, selectors.EVENT_READ)
        self._running: dict[int, tuple[int, socket.socket]] = {}
        """By descriptor of the process: its id, and who waits for it."""

    def serve(self) -> list[str] | None:
        """Return the arguments of a command in the process that is to run it, and None at the end."""
        while True:
            for key, _ in self._ready.select():
                if key.fd == 0:
                    return None
                if key.fileobj is self._listener:
                    arguments = self._begin()
                    if arguments is not None:
                        return arguments
                elif key.fd in self._running:
                    self._end(key.fd)
                else:
                    self._left(key.fd)

    def _begin(self) -> list[str] | None:
        asking, _ = self._listener.accept()
        try:
            size, streams = _first(asking)
            arguments, environ, folder, mask = marshal.loads(_exactly(asking, size))  # noqa: S302 - from our own tests
        except EOFError:
            asking.close()
            return None
        assert threading.active_count() == 1
        pid = os.fork()
        if pid == 0:
            self._forget(asking)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            os.umask(mask)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environ)
            time.tzset()
            _open_streams(unbuffered="PYTHONUNBUFFERED" in environ)
            return list(arguments)
        for stream in streams:
            os.close(stream)
        watched = os.pidfd_open(pid)
        self._running[watched] = (pid, asking)
        self._ready.register(watched, selectors.EVENT_READ)
        self._ready.register(asking, selectors.EVENT_READ)
        with contextlib.suppress(OSError):
            asking.sendall(struct.pack("=i", pid))
        return None

    def _forget(self, asking: socket.socket) -> None:
        """Close, in the process of a command, what is the forker's."""
        self._ready.close()
        self._listener.close()
        for watched, (_, other) in self._running.items():
            os.close(watched)
            other.close()
        asking.close()

    def _end(self, watched: int) -> None:
        """Tell how a command ended."""
        pid, asking = self._running.pop(watched)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with contextlib.suppress(OSError):
            asking.sendall(struct.pack("=i", code))
        self._ready.unregister(watched)
        os.close(watched)
        with contextlib.suppress(KeyError):
            self._ready.unregister(asking)
        asking.close()

    def _left(self, fd: int) -> None:
        """Kill the command of who went away."""
        for watched, (_, asking) in self._running.items():
            if asking.fileno() == fd:
                self._ready.unregister(asking)
                signal.pidfd_send_signal(watched, signal.SIGKILL)
                return


def _open_streams(*, unbuffered: bool) -> None:
    """Put Python's streams on new descriptors: the old ones remember what these were."""
    encoding = sys.stdout.encoding
    sys.stdin = open(0, encoding=encoding, closefd=False)  # noqa: SIM115 - for as long as the process lives
    for name, number in (("stdout", 1), ("stderr", 2)):
        raw = open(number, "wb", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115
        errors, lines = ("strict", raw.isatty()) if number == 1 else ("backslashreplace", True)
        text = io.TextIOWrapper(raw, encoding, errors, line_buffering=lines, write_through=unbuffered)
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)


def _first(asking: socket.socket) -> tuple[int, list[int]]:
    """Return the length of what follows, and the three streams."""
    streams = array.array("i")
    head, control, _, _ = asking.recvmsg(4, socket.CMSG_SPACE(3 * streams.itemsize))
    if len(head) < 4 or not control:
        raise EOFError
    streams.frombytes(control[0][2][: 3 * streams.itemsize])
    return struct.unpack("=i", head)[0], list(streams)


def _exactly(asking: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = asking.recv(size - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def run(arguments: list[str]) -> NoReturn:
    """Run a command, and end without taking all that was imported down piece by piece, which would take longer."""
    from pdp.cli.main import main

    try:
        main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    preload()
    forker = Forker(sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    command = forker.serve()
    if command is not None:
        run(command)
