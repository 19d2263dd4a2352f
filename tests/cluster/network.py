"""Machines of a cluster as network namespaces on one bridge, and what can go wrong between them.

Everything carries the process id of its owner in its name. A guard, a process of its own, takes everything away as soon
as the owner is gone, however it ended; what a guard could not do the next run does.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

from deploy.cluster.processes import Place

TOOLS: Final = ("ip", "iptables", "tc")
_PREFIX: Final = "jx"
_NAMES = Path("/run/netns")
_POOL: Final = tuple(IPv4Network("10.213.0.0/16").subnets(new_prefix=24))
_OWNER = re.compile(rf"{_PREFIX}(\d+)[-b]")


def lacking() -> str:
    """Return what is missing to make networks here; empty when nothing is."""
    if os.geteuid() != 0:
        return "root, to make network namespaces"
    gone = [tool for tool in TOOLS if shutil.which(tool) is None]
    if gone:
        return f"{', '.join(gone)}; on Debian: apt-get install iproute2 iptables"
    probe = f"{_PREFIX}{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False)
    if made.returncode:
        return f"network namespaces: {made.stderr.decode(errors='replace').strip()}"
    try:
        rules = subprocess.run(
            ["ip", "netns", "exec", probe, "iptables", "-w", "-A", "INPUT", "-j", "DROP"],
            capture_output=True, check=False,
        )  # fmt: skip
    finally:
        subprocess.run(["ip", "netns", "del", probe], check=True)
    return f"packet filters: {rules.stderr.decode(errors='replace').strip()}" if rules.returncode else ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A namespace with one address. Prepend `prefix` to a command to run it there."""

    name: str
    namespace: str
    address: str
    inner: str
    outer: str

    @property
    def prefix(self) -> tuple[str, ...]:
        # Not `ip netns exec`, which mounts another /sys besides.
        return ("nsenter", f"--net={_NAMES / self.namespace}", "--")

    @property
    def place(self) -> Place:
        """It as a place for a part of the cluster."""
        return Place(self.address, self.prefix)

    def place_with(self, environment: Mapping[str, str]) -> Place:
        """Return it as a place whose programs have more in their environment."""
        return Place(self.address, (*self.prefix, "env", *(f"{key}={value}" for key, value in environment.items())))

    def run(self, *command: str) -> str:
        """Run a command in it to its end and return what it wrote. Raises CalledProcessError."""
        done = subprocess.run([*self.prefix, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr.strip())
        return done.stdout


class Network:
    """Machines that reach each other and are reached from here, at `gateway`. Leave it by `with`."""

    def __init__(self) -> None:
        sweep()
        self.machines: dict[str, Machine] = {}
        self._owner = os.getpid()
        self._bridge = f"{_PREFIX}{self._owner}b"
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.guard", str(self._owner)], stdin=subprocess.PIPE,
            cwd=Path(__file__).parents[2], start_new_session=True,
        )  # fmt: skip
        self._subnet = _free_subnet()
        self._hosts = self._subnet.hosts()
        self.gateway = str(next(self._hosts))
        try:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("address", "add", f"{self.gateway}/{self._subnet.prefixlen}", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, name: str) -> Machine:
        """Make a machine."""
        number = len(self.machines) + 1
        namespace = f"{_PREFIX}{self._owner}-{name}"
        machine = Machine(name, namespace, str(next(self._hosts)), "eth0", f"{_PREFIX}{self._owner}v{number}")
        _ip("netns", "add", namespace)
        _ip("link", "add", machine.outer, "type", "veth", "peer", "name", machine.inner, "netns", namespace)
        _ip("link", "set", machine.outer, "master", self._bridge, "up")
        inside = ("-n", namespace)
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "address", "add", f"{machine.address}/{self._subnet.prefixlen}", "dev", machine.inner)
        _ip(*inside, "link", "set", machine.inner, "up")
        _ip(*inside, "route", "add", "default", "via", self.gateway)
        self.machines[name] = machine
        return machine

    @contextlib.contextmanager
    def deaf(self, machine: Machine, *others: Machine) -> Iterator[None]:
        """Let a machine hear nothing of others, though they hear it: a fault in one direction."""
        with contextlib.ExitStack() as undo:
            for other in others:
                rule = ("INPUT", "-s", other.address, "-j", "DROP")
                machine.run("iptables", "-w", "-I", *rule)
                undo.callback(machine.run, "iptables", "-w", "-D", *rule)
            yield

    @contextlib.contextmanager
    def apart(self, some: Sequence[Machine], others: Sequence[Machine]) -> Iterator[None]:
        """Let no packet pass between two groups."""
        with contextlib.ExitStack() as undo:
            for machine in some:
                undo.enter_context(self.deaf(machine, *others))
            for machine in others:
                undo.enter_context(self.deaf(machine, *some))
            yield

    @contextlib.contextmanager
    def slow(self, machine: Machine, kilobits: int) -> Iterator[None]:
        """Give a machine a thin line in both directions: so many kilobits a second."""
        shape = ("root", "tbf", "rate", f"{kilobits}kbit", "burst", "4kb", "latency", "1s")
        with contextlib.ExitStack() as undo:
            machine.run("tc", "qdisc", "add", "dev", machine.inner, *shape)
            undo.callback(machine.run, "tc", "qdisc", "del", "dev", machine.inner, "root")
            subprocess.run(["tc", "qdisc", "add", "dev", machine.outer, *shape], check=True, capture_output=True)
            remove = ["tc", "qdisc", "del", "dev", machine.outer, "root"]
            undo.callback(subprocess.run, remove, check=True, capture_output=True)
            yield

    def close(self) -> None:
        """Take it all away: processes, namespaces, links."""
        remove(self._owner)
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait(30)


def sweep() -> None:
    """Take away what owners that are gone have left."""
    for owner in owners():
        if not Path(f"/proc/{owner}").exists():
            remove(owner)


def owners() -> set[int]:
    """Return the process ids that have namespaces or bridges of this kind."""
    names = [path.name for path in _NAMES.iterdir()] if _NAMES.exists() else []
    names += [path.name for path in Path("/sys/class/net").iterdir()]
    return {int(match[1]) for name in names if (match := _OWNER.match(name))}


def remove(owner: int) -> None:
    """End the processes in an owner's namespaces, and take these and the bridge away."""
    spaces = [path.name for path in _NAMES.glob(f"{_PREFIX}{owner}-*")] if _NAMES.exists() else []
    for space in spaces:
        found = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=False)
        for pid in map(int, found.stdout.split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for space in spaces:
        subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)
    # The outer ends of pairs go with the inner ones, but only once the last process has left the namespace.
    for link in (path.name for path in Path("/sys/class/net").iterdir()):
        if re.fullmatch(rf"{_PREFIX}{owner}(b|v\d+)", link):
            subprocess.run(["ip", "link", "del", link], capture_output=True, check=False)


def _free_subnet() -> IPv4Network:
    shown = subprocess.run(["ip", "-4", "-o", "address"], capture_output=True, text=True, check=True).stdout
    taken = {IPv4Address(found) for found in re.findall(r"inet (\d+\.\d+\.\d+\.\d+)", shown)}
    first = os.getpid() % len(_POOL)
    for net in (*_POOL[first:], *_POOL[:first]):
        if not any(address in net for address in taken):
            return net
    raise RuntimeError("there is no free network in 10.213.0.0/16")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
