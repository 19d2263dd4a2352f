"""Runs the real `pdp serve` as a process of its own, and tells what it says."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

# For a loaded machine; a start takes a second or two.
PATIENCE = 60.0


class ServiceError(Exception):
    """The service did not start, did not do what was awaited, or did not stop cleanly."""


class Service:
    """A decision service on a free port of this machine, from `with` on until the block ends.

    `clock` is the time that it believes it is when it starts. Starting is begun when this is made and ends with
    `ready`, so that several can start side by side. With `certificate` and `key` people sign in at its staff port.
    """

    def __init__(
        self, policies: Path, grants: Path, clock: str, ready_file: Path, staff: tuple[Path, Path] | None = None
    ) -> None:
        self.address = ""
        self.staff_address = ""
        self.first_token = ""
        self.revision = 0
        self.policy_hash = ""
        self.data = ready_file.with_suffix(".data")
        self._ready_file = ready_file
        self._log: list[str] = []
        # The entries of its log, and the first word of each line on stdout; None when the process has ended.
        self._entries: queue.Queue[Mapping[str, Any] | None] = queue.Queue()
        self._told = threading.Event()
        self._ending = self._ended = False
        command = [
            sys.executable, "-m", "pdp.cli", "serve", "--policies", policies, "--grants", grants, "--clock", clock,
            "--listen", "127.0.0.1:0", "--ready-file", ready_file, "--drain", "0",
            "--data", self.data, "--node", ready_file.stem,
            # There is one client: a second worker would only take time to start.
            "--workers", "1",
        ]  # fmt: skip
        if staff is not None:
            config = ready_file.with_suffix(".yaml")
            names = ("certificate", "key")
            lines = [f"  {name}: {json.dumps(str(path))}" for name, path in zip(names, staff, strict=True)]
            config.write_text("\n".join(["staff:", "  listen: 127.0.0.1:0", *lines, ""]), encoding="utf-8")
            command += ["--config", config]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_log, self._read_output)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self.stop()
        except ServiceError:
            if kind is None:  # else what went wrong before is the better story
                raise

    def ready(self) -> None:
        """Return when calls are answered. Raises ServiceError."""
        # The line on stdout comes when the file is in place.
        self.wait_for("ready")
        if not self._told.wait(PATIENCE):
            raise self._error("the service did not tell where it listens")
        facts = json.loads(self._ready_file.read_text(encoding="utf-8"))
        self.address, self.revision, self.policy_hash = facts["address"], facts["revision"], facts["hash"]

    def wait_for(self, event: str, **details: Any) -> None:
        """Return when it says this: an event of its log with these details, or the first word of a line on stdout.

        Raises ServiceError.
        """
        end = time.monotonic() + PATIENCE
        while True:
            try:
                entry = self._entries.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise self._error(f"the service did not say `{event}` within {PATIENCE:.0f} s") from None
            if entry is None:
                raise self._error(f"the service ended with {self._process.wait()} before it said `{event}`")
            if entry.get("event") == event and all(entry.get(key) == value for key, value in details.items()):
                return

    def _read_log(self) -> None:
        for line in _lines(self._process.stderr):
            self._log.append(line.rstrip())
            with contextlib.suppress(ValueError):  # the line of an error that ends the process is for people
                entry = json.loads(line)
                if entry.get("event") == "server.ready":
                    self.staff_address = entry.get("staff", "")
                    self._told.set()
                self._entries.put(entry)
        self._entries.put(None)

    def _read_output(self) -> None:
        for line in _lines(self._process.stdout):
            word, *_ = words = line.split()
            if "--token" in words:
                self.first_token = words[words.index("--token") + 1]
            self._entries.put({"event": word})

    def end(self) -> None:
        """Tell it to end, and return at once: `stop` waits."""
        if self._process.poll() is None and not self._ending:
            self._ending = True
            self._process.terminate()

    def stop(self) -> None:
        """End it; what it recorded is then in its store. Raises ServiceError."""
        if not self._ended:
            self._stop()

    def _stop(self) -> None:
        self.end()
        self._ended = True
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise self._error(f"the service did not stop within {PATIENCE:.0f} s") from None
        finally:
            for reader in self._readers:
                reader.join(PATIENCE)
        if code != 0:
            raise self._error(f"the service ended with {code}")

    def _error(self, what: str) -> ServiceError:
        return ServiceError("\n".join([f"{what}; its last words:", *(f"  {line}" for line in self._log[-10:])]))


def _lines(stream: IO[str] | None) -> Iterator[str]:
    if stream is not None:
        with stream:
            yield from stream
