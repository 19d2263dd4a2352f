"""What is done to the cluster: each fault says which nodes it concerns and what ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final

from deploy.cluster.errors import ClusterError
from deploy.cluster.node import PdpNode
from deploy.cluster.postgres import Postgres
from deploy.cluster.processes import wait_gone
from tests.cluster.history import History, Skew
from tests.cluster.machines import (
    CLIENT_PORT,
    CLOCK,
    PORTS,
    SHORT,
    Machines,
    Node,
    shipper_of,
    stopped,
    supervisor_of,
    worker_of,
)
from tests.cluster.proxy import distant

HOUR: Final = 3600.0
LATENCY: Final = 0.2
KILOBITS: Final = 64
_GONE_SECONDS: Final = 20.0
_CLOCK_SECONDS: Final = 3.0
_EXPIRES_SECONDS: Final = (25.0, 75.0, 225.0)
"""A certificate holds for so long, and longer where a node takes longer to start."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong. `nodes` cannot be expected to be up to date, or to answer, while it does.

    `publishes`: whether a majority of etcd is there meanwhile. `hold` are seconds, at least.
    """

    name: str
    act: Callable[[Machines, History], AbstractContextManager[None]]
    nodes: tuple[str, ...] = ()
    publishes: bool = True
    hold: float = 4.0


def kill(
    node: str, which: Callable[[PdpNode], list[int]]
) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Kill a child of a node's supervisor, which is to start another one."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        (victim, *_) = eventually(lambda: which(machines.node(node)))
        os.kill(victim, signal.SIGKILL)
        yield

    return act


def kill_supervisor(node: str) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Kill a node's supervisor alone; its children end by themselves, and a service manager starts it again."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        victim = machines.node(node)
        (pid,) = supervisor_of(victim)
        children = [*worker_of(victim), *shipper_of(victim)]
        os.kill(pid, signal.SIGKILL)
        gone = wait_gone([pid, *children], _GONE_SECONDS)
        try:
            yield
        finally:
            assert gone, f"children of {node}'s supervisor outlive it"
            victim.start()

    return act


def kill_part(name: str) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Kill all of a part, as the loss of its machine does, and start it again."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        part = machines.part(name)
        part.kill()
        try:
            yield
        finally:
            part.start()

    return act


def stop(
    node: str, which: Callable[[PdpNode], list[int]]
) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Keep one process of a node from running."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        with stopped(eventually(lambda: which(machines.node(node)))[:1]):
            yield

    return act


def stop_part(name: str) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Keep all of a part from running."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        part = machines.part(name)
        part.pause()
        try:
            yield
        finally:
            part.resume()

    return act


@contextlib.contextmanager
def kill_leader(machines: Machines, history: History) -> Iterator[None]:
    """Kill the etcd member that leads."""
    leader = machines.etcd_leader()
    leader.kill()
    try:
        yield
    finally:
        leader.start()


@contextlib.contextmanager
def stop_leader(machines: Machines, history: History) -> Iterator[None]:
    """Keep the etcd member that leads from running."""
    leader = machines.etcd_leader()
    leader.pause()
    try:
        yield
    finally:
        leader.resume()


def kill_members(count: int) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Kill so many etcd members, the leader first: with two or three nobody can write."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        leader = machines.etcd_leader()
        others = [member for member in machines.etcd if member is not leader]
        victims = [leader, *others][:count]
        for member in victims:
            member.kill()
        try:
            yield
        finally:
            for member in victims:
                member.start()

    return act


@contextlib.contextmanager
def kill_primary(machines: Machines, history: History) -> Iterator[None]:
    """Kill the PostgreSQL server that takes writes, and start it again."""
    primary = machines.standing_primary()
    primary.kill()
    try:
        yield
    finally:
        primary.start()
        primary.wait_until_ready()


@contextlib.contextmanager
def fail_over(machines: Machines, history: History) -> Iterator[None]:
    """Kill the PostgreSQL server that takes writes, promote its standby, and bring the lost one back as standby."""
    lost = machines.standing_primary()
    lost.kill()
    time.sleep(1)
    machines.fail_over()
    try:
        yield
    finally:
        machines.start_part(lost.name)


def stop_postgres(*, primary: bool) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Keep a PostgreSQL server from running."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        standing = machines.standing_primary()
        part = standing if primary else _other(machines, standing)
        part.pause()
        try:
            yield
        finally:
            part.resume()

    return act


def apart(node: str, *, store: bool) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Let no packet pass between a node and etcd (`store`), or PostgreSQL."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        others = machines.etcd if store else machines.postgres
        with machines.network.apart([machines.machines[node]], [machines.machine(part) for part in others]):
            yield

    return act


@contextlib.contextmanager
def deaf_node(machines: Machines, history: History) -> Iterator[None]:
    """Let a node's packets reach etcd, and no answer come back."""
    others = [machines.machine(member) for member in machines.etcd]
    with machines.network.deaf(machines.machines[SHORT], *others):
        yield


@contextlib.contextmanager
def leader_apart(machines: Machines, history: History) -> Iterator[None]:
    """Part the leader from the other members; nodes reach all of them."""
    leader = machines.etcd_leader()
    others = [machines.machine(member) for member in machines.etcd if member is not leader]
    with machines.network.apart([machines.machine(leader)], others):
        yield


@contextlib.contextmanager
def deaf_leader(machines: Machines, history: History) -> Iterator[None]:
    """Let the leader's packets reach the other members, and none of theirs reach it."""
    leader = machines.etcd_leader()
    others = [machines.machine(member) for member in machines.etcd if member is not leader]
    with machines.network.deaf(machines.machine(leader), *others):
        yield


def far(node: str) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Make the way from a node to etcd longer, by LATENCY each way."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        others = [machines.machine(member) for member in machines.etcd]
        with distant(machines.machines[node], others, CLIENT_PORT, LATENCY):
            yield

    return act


def thin(node: str) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Give a node a line of KILOBITS a second for all that it does."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        with machines.network.slow(machines.machines[node], KILOBITS):
            yield

    return act


def clock(seconds: float) -> Callable[[Machines, History], AbstractContextManager[None]]:
    """Put the clock of the node CLOCK beside that of the others."""

    @contextlib.contextmanager
    def act(machines: Machines, history: History) -> Iterator[None]:
        node = machines.node(CLOCK)
        machines.restart(node, faked=True)
        begun = time.monotonic()
        # It counts from the beginning: answers are judged while it lasts.
        history.skews.append(Skew(CLOCK, begun, float("inf"), seconds))
        machines.set_clock(seconds)
        try:
            time.sleep(_CLOCK_SECONDS)
            yield
        finally:
            machines.set_clock(0)
            time.sleep(_CLOCK_SECONDS)
            history.skews[-1] = Skew(CLOCK, begun, time.monotonic(), seconds)
            machines.restart(node, faked=False)

    return act


@contextlib.contextmanager
def store_certificate_expires(machines: Machines, history: History) -> Iterator[None]:
    """Let the certificate expire by which a node comes to etcd, break its connections off, and renew it in the end.

    The node goes on running.
    """
    node = machines.node(SHORT)
    name = f"pdp-{SHORT}"
    try:
        expires = _start_with_short_certificate(machines, node, name)
        time.sleep(max(0.0, expires + 1 - time.monotonic()))
        machine = machines.machine(node)
        machine.run("ss", "--kill", "-H", "dport", "=", str(CLIENT_PORT))
        yield
    finally:
        machines.pki.etcd.issue(name, renew=True)
        if node.pid is None:
            node.start()


def _start_with_short_certificate(machines: Machines, node: Node, name: str) -> float:
    """Start a node anew with a certificate that holds until it is ready and not much longer; return until when."""
    for seconds in _EXPIRES_SECONDS:
        node.stop()
        days = seconds / 86_400
        node.prepare_with = partial(machines.pki.etcd.issue, name, renew=True, days=days)  # type: ignore[arg-type]
        try:
            node.start()
        finally:
            node.prepare_with = None
        expires = time.monotonic() + seconds
        # A node that is not ready by then ends.
        with contextlib.suppress(ClusterError):
            node.wait_until_ready()
            if time.monotonic() < expires:
                return expires
    raise AssertionError(f"{node.name} takes longer to start than its certificate holds, which was {seconds:g} s")


@contextlib.contextmanager
def node_certificate_expires(machines: Machines, history: History) -> Iterator[None]:
    """Let a node show callers a certificate that has expired, on new connections, and renew it in the end."""
    node = machines.node(SHORT)
    node.certify(days=-1)
    machines.machine(node).run("ss", "--kill", "-H", "sport", "=", str(PORTS[0]))
    try:
        yield
    finally:
        node.certify()


@contextlib.contextmanager
def rolling_restart(machines: Machines, history: History) -> Iterator[None]:
    """Stop and start every node in order, the next one when the last one answers again."""
    for node in machines.nodes:
        node.stop()
        node.start()
        node.wait_until_ready()
    yield


def eventually(find: Callable[[], list[int]], within: float = 30.0) -> list[int]:
    """Return processes as soon as there are some."""
    end = time.monotonic() + within
    while not (found := find()):
        assert time.monotonic() < end, "there is no such process"
        time.sleep(0.05)
    return found


def _other(machines: Machines, server: Postgres) -> Postgres:
    return next(other for other in machines.postgres if other is not server)


def plan(store_away: float) -> Sequence[Fault]:
    """Return all faults, those of one kind together. `store_away` is how long etcd is away, in seconds."""
    a, b, c = "node-a", "node-b", "node-c"
    return (
        Fault("kill -9: a worker", kill(a, worker_of)),
        Fault("kill -9: a shipper", kill(a, shipper_of)),
        Fault("kill -9: a supervisor", kill_supervisor(b), (b,)),
        Fault("kill -9: a whole node", kill_part(c), (c,)),
        Fault("SIGSTOP: a worker", stop(a, worker_of), (a,)),
        Fault("SIGSTOP: a shipper", stop(a, shipper_of)),
        Fault("SIGSTOP: a supervisor", stop(b, supervisor_of), (b,)),
        Fault("SIGSTOP: a whole node", stop_part(c), (c,)),
        Fault("rolling restart of the nodes", rolling_restart, (a, b, c), publishes=False, hold=0),
        Fault("kill -9: an etcd member", kill_part("etcd-2")),
        Fault("kill -9: the etcd leader", kill_leader),
        Fault("kill -9: two etcd members", kill_members(2), publishes=False),
        Fault("SIGSTOP: the etcd leader", stop_leader),
        Fault("etcd away", kill_members(3), publishes=False, hold=store_away),
        Fault("kill -9: PostgreSQL primary", kill_primary),
        Fault("SIGSTOP: PostgreSQL primary", stop_postgres(primary=True)),
        Fault("SIGSTOP: PostgreSQL standby", stop_postgres(primary=False)),
        Fault("PostgreSQL fails over", fail_over),
        Fault("partition: a node and etcd", apart(c, store=True), (c,), hold=12.0),
        Fault("partition: a node and PostgreSQL", apart(b, store=False)),
        Fault("partition: the etcd leader alone", leader_apart, hold=8.0),
        Fault("one way: a node hears no etcd", deaf_node, (c,), hold=12.0),
        Fault("one way: the etcd leader hears nobody", deaf_leader, hold=8.0),
        Fault("400 ms round trip to etcd", far(c), (c,), hold=8.0),
        Fault("64 kbit/s line of a node", thin(c), (c,), hold=15.0),
        Fault("a clock 1 h ahead", clock(HOUR), (b,)),
        Fault("a clock 1 h behind", clock(-HOUR), (b,)),
        Fault("certificate to etcd expires", store_certificate_expires, (c,), hold=12.0),
        Fault("certificate of a node expires", node_certificate_expires, (c,)),
    )
