"""The faults of the network are what they say, and nothing of them is left, however a run ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.network import Machine, Network, lacking, owners, sweep
from tests.cluster.proxy import distant
from tests.integration.needs import missing

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

PORT = 2379
ROOT = Path(__file__).parents[2]
SERVE = f"""
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
with Server(("0.0.0.0", {PORT}), Echo) as server:
    print("ready", flush=True)
    server.serve_forever()
"""
ASK = f"""
import socket, sys, time
with socket.create_connection((sys.argv[1], {PORT}), timeout=2) as there:
    for size in map(int, sys.argv[2:]):
        begun, got = time.monotonic(), 0
        there.sendall(bytes(size))
        while got < size:
            got += len(there.recv(65536))
        print(time.monotonic() - begun)
"""


@contextlib.contextmanager
def echo(machine: Machine) -> Iterator[None]:
    with subprocess.Popen([*machine.prefix, sys.executable, "-c", SERVE], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield
        finally:
            server.kill()


def ask(machine: Machine, other: Machine, *sizes: int) -> list[float]:
    """Return how long each answer took, in seconds; none when there was no connection."""
    command = [*machine.prefix, sys.executable, "-c", ASK, other.address, *map(str, sizes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode or "TimeoutError" in done.stderr, done.stderr
    return list(map(float, done.stdout.split()))


def test_faults_begin_and_end(network: Network) -> None:
    one, other = network.add("one"), network.add("other")
    with echo(other):
        assert len(ask(one, other, 10, 10)) == 2
        with network.apart([one], [other]):
            assert ask(one, other, 10) == []
        with network.deaf(one, other):
            assert ask(one, other, 10) == []
        assert len(ask(one, other, 10)) == 1
        with distant(one, [other], PORT, 0.1):
            times = ask(one, other, 10, 10)
            assert len(times) == 2
            assert all(0.2 <= seconds < 1 for seconds in times[1:])
        with network.slow(other, 64):
            # 8 KiB each way, and what is in the bucket goes at once.
            (seconds,) = ask(one, other, 8 * 1024)
            assert seconds > 0.4
        (seconds,) = ask(one, other, 8 * 1024)
        assert seconds < 0.4


def test_connections_that_stand_are_led_through_the_relay_too(network: Network) -> None:
    one, other = network.add("third"), network.add("fourth")
    ask_on = f"""
        import socket, sys, time
        def connect():
            return socket.create_connection(({other.address!r}, {PORT}), timeout=10)
        there = connect()
        print("stands", flush=True)
        sys.stdin.readline()
        try:
            there.sendall(b"x")
            assert there.recv(1)
        except OSError:
            print("broken", flush=True)
            begun = time.monotonic()
            there = connect()
            there.sendall(b"x")
            there.recv(1)
            print(time.monotonic() - begun, flush=True)
    """
    command = [*one.prefix, sys.executable, "-c", textwrap.dedent(ask_on)]
    with (
        echo(other),
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client,
    ):
        assert client.stdout is not None
        assert client.stdout.readline() == "stands\n"
        with distant(one, [other], PORT, 0.1):
            out, _ = client.communicate("go\n", timeout=30)
            broken, seconds = out.split()
            assert broken == "broken"
            assert float(seconds) >= 0.2


@pytest.mark.parametrize("signal", [9, 15])
def test_nothing_is_left_of_an_owner_that_is_killed(signal: int) -> None:
    if reason := lacking():
        missing(reason)
    script = """
        import subprocess
        from tests.cluster.network import Network
        network = Network()
        machine = network.add("lost")
        child = subprocess.Popen([*machine.prefix, "sleep", "1000"])
        print(child.pid, flush=True)
        child.wait()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        assert owner.pid in owners()
        owner.send_signal(signal)
    end = time.monotonic() + 30
    while owner.pid in owners() or Path(f"/proc/{child}").exists():
        assert time.monotonic() < end, "the guard has left something"
        time.sleep(0.05)


def test_a_run_takes_away_what_an_earlier_one_left() -> None:
    if reason := lacking():
        missing(reason)
    gone = subprocess.Popen(["true"])
    gone.wait()
    subprocess.run(["ip", "netns", "add", f"jx{gone.pid}-old"], check=True)
    subprocess.run(["ip", "netns", "add", f"jx{os.getpid()}-own"], check=True)
    subprocess.run(["ip", "netns", "add", "other-jx1-thing"], check=True)
    try:
        sweep()
        assert gone.pid not in owners()
        assert os.getpid() in owners()
        assert Path("/run/netns/other-jx1-thing").exists()
    finally:
        subprocess.run(["ip", "netns", "del", f"jx{os.getpid()}-own"], check=True)
        subprocess.run(["ip", "netns", "del", "other-jx1-thing"], check=True)
