"""Where bundles come from: a file that is looked at, or a node that tells of each new one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import grpc

from jingxi_client._gen.pdp.v1 import bundle_pb2, bundle_service_pb2, bundle_service_pb2_grpc
from jingxi_client.errors import BundleError

EVERY = 5.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
MAX_BYTES = 64 * 1024 * 1024


class Target(Protocol):
    """What a source tells."""

    def known(self) -> tuple[int, str]:
        """Return revision and hash of the bundle in use; (0, "") without one."""

    def arrived(self, data: bytes) -> None:
        """Take a serialized SignedBundle; whatever is wrong with it is told by the taker."""

    def heard(self, stale_seconds: float) -> None:
        """Hear that the bundle in use was in force so many seconds ago."""

    def trouble(self, message: str) -> None:
        """Hear why nothing comes; an empty message when all is well again."""


class FileSource:
    """Looks at a file every few seconds, in a thread, and once when it is made."""

    def __init__(self, path: str | os.PathLike[str], target: Target, every: float = EVERY) -> None:
        self._path = Path(path)
        self._target = target
        self._every = every
        self._stamp: tuple[int, int, int] | None = None
        self._closing = threading.Event()
        self.look()
        self._thread = threading.Thread(target=self._run, name="jingxi-bundle-file", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Read the file if it is another one than before."""
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                data = self._path.read_bytes()
                self._stamp = stamp
                self._target.arrived(data)
        except OSError as error:
            self._target.trouble(f"bundle file `{self._path}` cannot be read: {error.strerror}")
            return
        self._target.trouble("")
        self._target.heard(max(0.0, time.time() - found.st_mtime))

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._thread.join(self._every)

    def _run(self) -> None:
        while not self._closing.wait(self._every):
            self.look()


class WatchSource:
    """Keeps a WatchBundle going, in a thread, and begins another one when it ends."""

    def __init__(
        self, channel: grpc.Channel, metadata: Callable[[], tuple[tuple[str, str], ...]], target: Target
    ) -> None:
        self._stub = bundle_service_pb2_grpc.BundleServiceStub(channel)  # type: ignore[no-untyped-call]
        self._metadata = metadata
        self._target = target
        self._closing = threading.Event()
        self._call: Any = None
        self._thread = threading.Thread(target=self._run, name="jingxi-bundle-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the call and the thread."""
        self._closing.set()
        if self._call is not None:
            self._call.cancel()
        self._thread.join(EVERY)

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            try:
                if self._watch():
                    pause = FIRST_PAUSE
            except grpc.RpcError as error:
                if self._closing.is_set():
                    return
                self._target.trouble(f"no bundle comes: {error.details() or error.code().name}")
            except ValueError:
                return  # the channel is closed
            except BundleError as error:
                self._target.trouble(f"no bundle comes: {error}")
            self._closing.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _watch(self) -> bool:
        """Take what comes until the node ends it; whether anything came."""
        revision, policy_hash = self._target.known()
        request = bundle_service_pb2.WatchBundleRequest(known_revision=revision, known_hash=policy_hash)
        self._call = self._stub.WatchBundle(request, metadata=self._metadata(), wait_for_ready=True)
        came = False
        header: bundle_service_pb2.BundleHeader | None = None
        parts: list[bytes] = []
        size = 0
        for response in self._call:
            came = True
            self._target.trouble("")
            match response.WhichOneof("part"):
                case "header":
                    header, parts, size = response.header, [], 0
                    if not 0 < header.size <= MAX_BYTES:
                        raise BundleError("wrong_format", f"the bundle is {header.size} bytes large")
                case "chunk" if header is not None:
                    parts.append(response.chunk)
                    size += len(response.chunk)
                    if size > header.size:
                        raise BundleError("wrong_format", "more bytes of the bundle came than it has")
                    if size == header.size:
                        self._target.arrived(_signed(header, b"".join(parts)))
                        self._target.heard(0.0)
                        header = None
                case "current":
                    self._target.heard(float(response.current.stale_seconds))
        return came


def _signed(header: bundle_service_pb2.BundleHeader, payload: bytes) -> bytes:
    signed = bundle_pb2.SignedBundle(
        bundle=payload, hash=header.hash, revision=header.revision, key_id=header.key_id, signature=header.signature
    )
    return signed.SerializeToString()
