"""Closed-loop load from h2load: as many requests a second as a server gives, with what each cost."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import service_usage
from service_servers import BenchmarkError, Server

_DONE = re.compile(r"requests: .*? (\d+) done, (\d+) succeeded")
_RATE = re.compile(r"finished in .*?, ([\d.]+) req/s")
_DATA = re.compile(r"headers .*?, [^ ]+ \((\d+)\) data")
# A length-prefixed message: not compressed, its length in four bytes.
_PREFIX = 5


@dataclass(frozen=True, slots=True)
class Load:
    """How many calls are under way at a time: `streams` on each of `connections`."""

    connections: int
    streams: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """What one turn of a server showed. `foreign` is how many cores everything but server and load used.

    Times are those of calls that wait for each other: they tell how long the queue is. `behind_s` is for how long the
    server worked on after its last answer.
    """

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    behind_s: float
    load_cpu_us: float
    foreign: float


def run(server: Server, path: str, request: bytes, reply_bytes: int, load: Load, folder: Path) -> Run:
    """Put a server under load with one request, over and over.

    h2load takes an HTTP status of 200 for success, which gRPC errors have too. An error carries no message, so every
    reply is checked by its size. Raises BenchmarkError when a call failed.
    """
    body = folder / "request.bin"
    body.write_bytes(b"\0" + len(request).to_bytes(4, "big") + request)
    # h2load adds to a log that is there already: each turn has its own.
    with tempfile.TemporaryDirectory(prefix="turn-", dir=folder) as own:
        log = Path(own) / "h2load.log"
        command = [
            "h2load", f"--duration={round(load.seconds * 1000)}ms", f"--clients={load.connections}",
            f"--max-concurrent-streams={load.streams}", f"--data={body}", f"--log-file={log}",
            "--header=content-type: application/grpc", "--header=te: trailers", f"http://{server.address}{path}",
        ]  # fmt: skip
        meter = service_usage.Meter(server.processes())
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        usage = meter.stop(settle=server.settles)
        times = _times(log)
    counts, rate, data = (pattern.search(done.stdout) for pattern in (_DONE, _RATE, _DATA))
    if done.returncode or not (counts and rate and data):
        raise BenchmarkError(f"h2load failed against {server.address}{path}:\n{done.stdout}{done.stderr}")
    requests, succeeded = int(counts[1]), int(counts[2])
    wanted = requests * (reply_bytes + _PREFIX)
    # Of the replies that were on their way in the end, some bytes may have been counted.
    slack = load.connections * load.streams * (reply_bytes + _PREFIX)
    if not requests or succeeded != requests or not 0 <= int(data[1]) - wanted <= slack:
        raise BenchmarkError(
            f"{server.address}{path}: of {requests} calls {succeeded} succeeded, with {data[1]} bytes of replies "
            f"instead of {wanted}"
        )
    if not 0 <= len(times) - requests <= load.connections * load.streams:
        raise BenchmarkError(f"h2load told {len(times)} times of {requests} calls to {server.address}{path}")
    return Run(
        requests=requests,
        rate=float(rate[1]),
        p50_ms=quantile(times, 0.5) / 1e3,
        p99_ms=quantile(times, 0.99) / 1e3,
        cpu_us=usage.cpu * 1e6 / requests,
        behind_s=usage.behind,
        load_cpu_us=usage.own * 1e6 / requests,
        foreign=usage.foreign,
    )


def quantile(ordered: list[int], share: float) -> int:
    """Return the value that this share of the ordered values does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _times(log: Path) -> list[int]:
    """Return the microseconds that each call took, in order, from the log: start, HTTP status, time a line."""
    if not log.exists():
        return []
    with log.open(encoding="ascii") as lines:
        return sorted(int(line.rpartition("\t")[2]) for line in lines)
