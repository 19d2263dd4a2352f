"""Programs that run beside ours: started in a folder, found again by a later command, ended, paused."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from deploy.cluster.errors import ClusterError

PATIENCE = 60.0
"""Seconds that a part may take to start or to stop; on a quiet machine it is a second or two."""
_LOOK_EVERY = 0.05
_LOG_TAIL = 2_000
# A program may outlive the `Part` that started it, and then nobody is to be warned.
_STARTED: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part runs: the address that it listens on and is reached at, and what all its commands begin with, such
    as `("ip", "netns", "exec", "n1")`. The address must be reachable from here, too.
    """

    host: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a part runs as; nobody else but us unless we are root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def unprivileged(cls) -> Account | None:
        """Return a user for what refuses to run as root; None when we are not root. Raises ClusterError."""
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                found = pwd.getpwnam(name)
                return cls(name, found.pw_uid, found.pw_gid)
        raise ClusterError("there is no user `postgres` or `nobody` to run PostgreSQL as; make one")

    def own(self, folder: Path) -> None:
        """Give a folder and all in it to the user. Raises ClusterError when the user cannot come to it."""
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        for parent in folder.parents:
            mode = parent.stat()
            shift = 6 if mode.st_uid == self.uid else 3 if mode.st_gid == self.gid else 0
            if not mode.st_mode >> shift & 1:
                raise ClusterError(
                    f"the user `{self.name}` cannot come through `{parent}`; choose another folder, such as "
                    "`--state /var/lib/jingxi-cluster`"
                )


class Part(ABC):
    """A program of the cluster. What it needs lies in `folder`: configuration, data, `log`, and `pid` while it runs."""

    kind: ClassVar[str] = "part"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, name: str, folder: Path, place: Place, account: Account | None = None) -> None:
        self.name = name
        self.folder = folder
        self.place = place
        self.account = account
        self._process: subprocess.Popen[bytes] | None = None

    def __str__(self) -> str:
        return f"{self.kind} `{self.name}`"

    @property
    def log(self) -> Path:
        """What the program wrote, over all its starts."""
        return self.folder / "log"

    @property
    def pid(self) -> int | None:
        """The process id while the program runs, also when another command started it; None when it does not."""
        if self._process is not None and self._process.poll() is not None:
            self._process = None
        try:
            kept = json.loads(self._pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        pid, begun = int(kept["pid"]), int(kept["begun"])
        # The number may be another process's by now.
        return pid if _begun(pid) == begun else None

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def ports(self) -> Sequence[int]:
        """Return the TCP ports that the program listens on."""
        return ()

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command that runs the program in the foreground, without prefix and account."""

    def prepare(self) -> None:  # noqa: B027 - not every program needs anything
        """Write what the program needs before it starts."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the program, which runs, does its work by now."""

    def start(self) -> None:
        """Start the program and return at once; does nothing while it runs. Raises ClusterError."""
        if self.pid is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.place.prefix:
            check_free(self.place.host, self.ports(), str(self))
        self.prepare()
        with self.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own command
                    self._whole(self.command()), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, env=self._environment(),
                )  # fmt: skip
            except OSError as error:
                raise ClusterError(f"cannot start {self}: {error}") from error
        _STARTED.append(self._process)
        self._note(self._process.pid)

    def wait_until_ready(self, seconds: float = PATIENCE) -> None:
        """Return when the program does its work. Raises ClusterError when it ends or takes longer."""

        def ready() -> bool:
            if self.pid is None:
                raise ClusterError(f"{self} ended; its log {self.log} ends with\n{self.tail()}")
            return self.is_ready()

        try:
            until(ready, seconds)
        except TimeoutError as error:
            message = f"{self} is not ready after {seconds:g} s; its log {self.log} ends with\n{self.tail()}"
            raise ClusterError(message) from error

    def stop(self, seconds: float = PATIENCE) -> None:
        """Let the program end in order; does nothing when it does not run. Raises ClusterError when it does not end."""
        pid = self.pid
        if pid is None:
            return
        everyone = _tree(pid)
        self.resume()
        _signal([pid], self.stop_signal)
        if not self._gone(everyone, seconds):
            raise ClusterError(f"{self} (process {pid}) does not stop within {seconds:g} s; see {self.log}")
        self._forget()

    def kill(self) -> None:
        """End the program and its children at once, as the loss of their machine does."""
        pid = self.pid
        if pid is None:
            return
        everyone = _tree(pid)
        # Nobody of them may notice that another has ended and do something about it.
        _signal(everyone, signal.SIGSTOP)
        everyone = sorted({*everyone, *_tree(pid)})
        _signal(everyone, signal.SIGKILL)
        if not self._gone(everyone, PATIENCE):
            raise ClusterError(f"{self} (process {pid}) cannot be killed; it waits for a disk that does not answer")
        self._forget()

    def pause(self) -> None:
        """Keep the program and its children from running: connections stay, and nothing answers."""
        if (pid := self.pid) is not None:
            _signal(_tree(pid), signal.SIGSTOP)

    def resume(self) -> None:
        """Let the program go on after `pause`."""
        if (pid := self.pid) is not None:
            _signal(_tree(pid), signal.SIGCONT)

    def outside(self, command: Sequence[str | Path], *, seconds: float = 2 * PATIENCE) -> str:
        """Run a command here, as ourselves, and return what it wrote. Raises ClusterError."""
        return self._run(command, list(map(str, command)), seconds)

    def run(self, command: Sequence[str | Path], *, seconds: float = 2 * PATIENCE) -> str:
        """Run a command where the part runs and as its user, and return what it wrote. Raises ClusterError."""
        return self._run(command, self._whole(command), seconds)

    def _run(self, command: Sequence[str | Path], whole: Sequence[str], seconds: float) -> str:
        # A child that outlives the command would keep a pipe open, so its output goes to a file.
        output = self.folder / f".{Path(command[0]).name}.{os.getpid()}"
        try:
            with output.open("w+b") as stream:
                try:
                    done = subprocess.run(  # noqa: S603 - our own command
                        whole, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=stream,
                        stderr=subprocess.STDOUT, env=self._environment(), timeout=seconds, check=False,
                    )  # fmt: skip
                except (OSError, subprocess.TimeoutExpired) as error:
                    raise ClusterError(f"{self}: cannot run `{command[0]}`: {error}") from error
            said = output.read_text(encoding="utf-8", errors="replace").strip()
        finally:
            output.unlink(missing_ok=True)
        if done.returncode:
            raise ClusterError(f"{self}: `{Path(command[0]).name}` failed ({done.returncode}):\n{said[-_LOG_TAIL:]}")
        return said

    def tail(self) -> str:
        """Return the end of the log."""
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()
        except OSError:
            return "(nothing)"

    def _whole(self, command: Sequence[str | Path]) -> list[str]:
        # After the prefix: to enter a network namespace one must still be root.
        change = () if self.account is None else (
            "setpriv", f"--reuid={self.account.uid}", f"--regid={self.account.gid}", "--clear-groups", "--",
        )  # fmt: skip
        return [*self.place.prefix, *change, *map(str, command)]

    def _environment(self) -> dict[str, str]:
        # A proxy for the web, or settings of another service, are not meant for these.
        left_out = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
        return {
            key: value for key, value in os.environ.items()
            if key.lower() not in left_out and not key.startswith(("PDP_", "ETCD_", "PG"))
        }  # fmt: skip

    def _gone(self, pids: Sequence[int], seconds: float) -> bool:
        gone = wait_gone(pids, seconds)
        if gone and self._process is not None:
            self._process.wait()
            self._process = None
        return gone

    def _note(self, pid: int) -> None:
        self._pid_file.write_text(json.dumps({"pid": pid, "begun": _begun(pid) or 0}), encoding="ascii")

    def _forget(self) -> None:
        self._pid_file.unlink(missing_ok=True)


def find_program(name: str, package: str, *, places: Iterable[Path] = ()) -> str:
    """Return the path of a program, in `places` or on the path. Raises ClusterError that names its Debian package."""
    for place in places:
        if (place / name).exists():
            return str(place / name)
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ClusterError(f"the program `{name}` is missing; on Debian: apt-get install {package}")
    return found


def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return when something holds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    pace = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        pace.wait(_LOOK_EVERY)


def check_free(host: str, ports: Iterable[int], whose: str) -> None:
    """See that nobody listens on these ports. Raises ClusterError."""
    for port in ports:
        with socket.socket() as probe:
            # Connections that the last run left waiting do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise ClusterError(
                    f"{whose} cannot listen on `{host}:{port}`: {reason}; end what listens there, or choose other "
                    "ports with `--fresh --base-port PORT`"
                ) from error


def wait_gone(pids: Iterable[int], seconds: float) -> bool:
    """Wait until processes, whoever's children they are, have ended; return whether they have."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return False
        finally:
            os.close(handle)
    return True


def _signal(pids: Iterable[int], which: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, which)


def _stat(pid: int) -> Sequence[str]:
    """Return what /proc/PID/stat says from the state on; nothing when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ()


def _begun(pid: int) -> int | None:
    """Return when a process began, in ticks since the machine's start; None when there is none, or it has ended."""
    found = _stat(pid)
    return int(found[19]) if found and found[0] not in "ZX" else None


def _tree(pid: int) -> list[int]:
    """Return a process and all its descendants. PostgreSQL's have sessions of their own, so a group is not enough."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (found := _stat(int(entry.name))) and found[0] not in "ZX":
            children.setdefault(int(found[1]), []).append(int(entry.name))
    everyone, at = [pid], 0
    while at < len(everyone):
        everyone.extend(children.get(everyone[at], ()))
        at += 1
    return everyone


def write_json(path: Path, data: Mapping[str, Any], mode: int = 0o600) -> None:
    """Write a configuration file. JSON is YAML, so what reads either can read it."""
    write_private(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n", mode)


def write_private(path: Path, text: str | bytes, mode: int = 0o600) -> None:
    """Put a file in place at once, readable by its owner alone from the first moment."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    data = text.encode() if isinstance(text, str) else text
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:  # noqa: PTH123
        os.fchmod(stream.fileno(), mode)
        stream.write(data)
    part.replace(path)
