"""Second places for signed checkpoints, out of the reach of whoever can change the store.

A copy may have gaps: each checkpoint carries its number and the hash of the one before, so any later one in a copy
speaks for all before it.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

from google.protobuf.message import DecodeError

from pdp.errors import EvidenceError
from pdp.signing import sync_folder
from pdp.v1 import snapshot_pb2

_PREFIX, _SUFFIX = "checkpoints-", ".jsonl"
_MOST_LINE = 64 * 1024 * 1024


class Copy(Protocol):
    """A second place."""

    @property
    def name(self) -> str:
        """What alarms call it."""

    def send(self, node: str, number: int, signed: bytes) -> None:
        """Keep a serialized SignedCheckpoint durably. Raises OSError when that is not possible now."""

    def last(self, node: str) -> bytes | None:
        """Return the last one kept; None when there is none or the place cannot tell. Raises OSError."""


class DirectoryCopy:
    """A folder, such as a mounted share of another machine: one line of JSON a checkpoint, a file for each node.

    The folder must be there: a share that is not mounted is an error, not an empty copy.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    def send(self, node: str, number: int, signed: bytes) -> None:
        """Append a line and wait until it is on disk."""
        path = self._path(node)
        line = json.dumps({"node": node, "number": number, "signed": base64.b64encode(signed).decode()}) + "\n"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        is_new = not path.exists()
        with open(os.open(path, flags, 0o600), "r+b", buffering=0) as stream:  # noqa: PTH123 - it has a mode
            end = stream.seek(0, os.SEEK_END)
            # A line that was cut by a crash stays alone on its line.
            data = (b"" if _ends_line(stream.fileno(), end) else b"\n") + line.encode()
            if stream.write(data) != len(data):
                raise OSError(None, "the place takes only part of a line", str(path))
            os.fsync(stream.fileno())
        if is_new:
            sync_folder(self.folder)

    def last(self, node: str) -> bytes | None:
        """Return the last whole line's checkpoint."""
        if not self.folder.is_dir():
            raise FileNotFoundError(None, "the folder is away", str(self.folder))
        path = self._path(node)
        if not path.exists():
            return None
        found = None
        for line in _last_lines(path):
            found = _parse(line)
            if found is not None:
                break
        return None if found is None else found[2]

    def _path(self, node: str) -> Path:
        return self.folder / f"{_PREFIX}{quote(node, safe='')}{_SUFFIX}"


class CommandCopy:
    """A program that takes a checkpoint on its standard input and ends with 0 once it is kept.

    JINGXI_CHECKPOINT_NODE and JINGXI_CHECKPOINT_NUMBER stand in its environment. It has `timeout` seconds.
    """

    def __init__(self, argv: Sequence[str], timeout: float = 5.0) -> None:
        self._argv = list(argv)
        self._timeout = timeout

    @property
    def name(self) -> str:
        """The program, without its arguments, which may hold a secret."""
        return self._argv[0]

    def send(self, node: str, number: int, signed: bytes) -> None:
        """Run the program. Raises OSError when it fails, and TimeoutError when it takes too long."""
        environment = os.environ | {"JINGXI_CHECKPOINT_NODE": node, "JINGXI_CHECKPOINT_NUMBER": str(number)}
        with subprocess.Popen(  # noqa: S603 - the configured program
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                process.communicate(signed, self._timeout)
            except subprocess.TimeoutExpired as error:
                _end(process)
                raise TimeoutError(None, f"no end after {self._timeout:g} s", self.name) from error
            except BaseException:
                _end(process)
                raise
        if process.returncode:
            raise OSError(None, f"ended with {process.returncode}", self.name)

    def last(self, node: str) -> bytes | None:
        """Return None: a program cannot tell."""
        return None


def read_copy(place: Path) -> Iterator[tuple[str, int, bytes]]:
    """Yield (node, number, serialized SignedCheckpoint) from a copy's folder or one of its files, as they were kept.

    Lines that were cut are passed over. Raises EvidenceError when there is no copy, or a file without one whole line.
    """
    try:
        files = sorted(place.glob(f"{_PREFIX}*{_SUFFIX}")) if place.is_dir() else [place]
        if not files:
            raise EvidenceError(f"no copies of checkpoints (`{_PREFIX}NODE{_SUFFIX}`) in `{place}`")
        for path in files:
            yield from _read_file(path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EvidenceError(f"cannot read the copies of checkpoints in `{place}`: {reason}") from error


def node_of(path: Path) -> str:
    """Return the node whose checkpoints a file is for."""
    return unquote(path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX))


def _read_file(path: Path) -> Iterator[tuple[str, int, bytes]]:
    bad = good = 0
    with path.open("rb") as stream:
        while line := stream.readline(_MOST_LINE):
            found = _parse(line)
            if found is None:
                bad += 1
            else:
                good += 1
                yield found
    if bad and not good:
        raise EvidenceError(f"`{path}` holds no checkpoint that can be read")


def _parse(line: bytes) -> tuple[str, int, bytes] | None:
    try:
        entry = json.loads(line)
        signed = base64.b64decode(entry["signed"], validate=True)
        message = snapshot_pb2.Checkpoint.FromString(snapshot_pb2.SignedCheckpoint.FromString(signed).checkpoint)
    except (ValueError, KeyError, TypeError, binascii.Error, DecodeError, RecursionError):
        return None
    # What was signed counts, not what stands beside it.
    return message.node, message.number, signed


def _ends_line(fd: int, end: int) -> bool:
    return end == 0 or os.pread(fd, 1, end - 1) == b"\n"


def _last_lines(path: Path) -> Iterator[bytes]:
    """Yield a file's lines from the last, reading no more than is asked for."""
    rest = b""
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - 65_536)
            stream.seek(begin)
            lines = (stream.read(end - begin) + rest).split(b"\n")
            rest = lines[0]
            yield from (line for line in reversed(lines[1:]) if line)
            end = begin
    if rest:
        yield rest


def _end(process: subprocess.Popen[bytes]) -> None:
    # With all that it started: one of them may hold the pipe.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
