"""The admin port: plain HTTP for monitoring, read only.

| path | answers |
|---|---|
| /metrics | Prometheus' text |
| /healthz | 200 while the process runs its event loop |
| /readyz | 200 while some worker is ready and no drain has begun, else 503; `?workers=all` asks for all of them |
| /status | what `pdp status` shows, as JSON |

It runs in the supervisor's event loop and never in a worker's, so that watching costs decisions nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pdp import __version__
from pdp.control import tasks
from pdp.errors import ConfigError
from pdp.server import exposition, logs
from pdp.server.address import Address
from pdp.server.exposition import History, Totals
from pdp.server.facts import FOLLOWED, Facts, PeopleFacts, ShipperFacts, Snapshot, WorkerFacts
from pdp.server.metrics import BOUNDS
from pdp.server.status import frames

MAX_REQUEST = 8 * 1024
MAX_CONNECTIONS = 64
REQUEST_SECONDS = 5.0
"""How long a request may take to arrive, and its answer to leave."""
COLLECT_SECONDS = 2.0
"""How long workers may take to tell what they counted; the last they told counts for those that take longer."""
SAMPLE_SECONDS = 1.0
"""How often workers are asked unbidden: what one counted after the last time is lost when it is killed."""
_FRESH_SECONDS = 0.1

_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]\r?\n")
_REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    code: int
    body: bytes
    kind: str = _TEXT


class AdminServer:
    """Answers on one address, with what `facts` and `collect` tell about the service."""

    def __init__(self, address: Address, facts: Callable[[], Facts], collect: Callable[[], Awaitable[list[Snapshot]]]):
        """Ask the supervisor for its `facts` at each request, and the workers for snapshots through `collect`."""
        self.address = address
        self._facts = facts
        self._collect = collect
        self._history = History()
        self._collecting = asyncio.Lock()
        self._collected = 0.0
        self._connections: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._sampler: asyncio.Task[None] | None = None

    async def start(self) -> Address:
        """Listen and return the address with its real port. Raises ConfigError."""
        try:
            self._server = await asyncio.start_server(
                self._connected, self.address.host, self.address.port, limit=MAX_REQUEST
            )
        except OSError as error:
            raise ConfigError(
                f"cannot listen on the admin address `{self.address}`: it is in use or not an address of this machine; "
                "choose another by `--admin`, or `--admin off`"
            ) from error
        self.address = self.address.with_port(self._server.sockets[0].getsockname()[1])
        self._sampler = asyncio.create_task(self._sample())
        return self.address

    async def stop(self) -> None:
        """Stop listening and drop the requests that are being answered."""
        if self._server is not None:
            self._server.close()
        await tasks.end(task for task in (self._sampler, *self._connections) if task is not None)

    async def refresh(self) -> None:
        """Ask all workers what they counted; a supervisor does it before it lets one go."""
        async with self._collecting:
            if time.monotonic() - self._collected < _FRESH_SECONDS:
                return
            snapshots: list[Snapshot] = []
            try:
                # Not `wait_for`: `pdp.control.tasks` tells why.
                async with asyncio.timeout(COLLECT_SECONDS):
                    snapshots = await self._collect()
            except TimeoutError:
                logs.event(log, logging.WARNING, "metrics.late", "workers are late with what they counted")
            self._collected = time.monotonic()
            self._history.update(snapshots, [worker["pid"] for worker in self._facts()["workers"]])

    async def _sample(self) -> None:
        while True:
            try:
                await self.refresh()
            except Exception as error:  # watching must go on, whatever becomes of a worker meanwhile
                _failed(error)
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            with contextlib.suppress(OSError, TimeoutError):  # the other side went away or does not read
                async with asyncio.timeout(2 * REQUEST_SECONDS + COLLECT_SECONDS):
                    await self._serve(reader, writer)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head_only = False
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_SECONDS)
        except asyncio.LimitOverrunError:
            answer = _text(431, f"a request may have {MAX_REQUEST} bytes")
        except TimeoutError:
            answer = _text(408, f"a request must arrive within {REQUEST_SECONDS:g} s")
        except asyncio.IncompleteReadError:
            return
        else:
            head_only = head.startswith(b"HEAD ")
            answer = await self._answer(head)
        writer.write(_head(answer) + (b"" if head_only else answer.body))
        await writer.drain()
        writer.write_eof()
        # Closing with unread data would reset the connection before the answer is read.
        await reader.read(1)

    async def _answer(self, head: bytes) -> _Answer:
        match = _REQUEST_LINE.match(head)
        if match is None:
            return _text(400, "not an HTTP/1.1 request")
        method, target = match[1].decode("ascii"), match[2].decode("ascii")
        if method not in {"GET", "HEAD"}:
            return _text(405, "only GET is answered here")
        try:
            return await self._get(*target.partition("?")[::2])
        except Exception as error:  # nothing that a client sends may stop the process, nor see its insides
            _failed(error)
            return _text(500, "internal error; see the log")

    async def _get(self, path: str, query: str) -> _Answer:
        match path:
            case "/metrics":
                await self.refresh()
                return _Answer(200, exposition.render(self._history, self._facts()), exposition.CONTENT_TYPE)
            case "/healthz":
                return _text(200, "ok")
            case "/readyz":
                return _readiness(self._facts(), everyone=query == "workers=all")
            case "/status":
                await self.refresh()
                status = status_of(self._history, self._facts())
                return _Answer(200, json.dumps(status, ensure_ascii=False).encode(), _JSON)
        return _text(404, "there are /metrics, /healthz, /readyz and /status")


def _readiness(facts: Facts, *, everyone: bool) -> _Answer:
    states = [worker["state"] for worker in facts["workers"]]
    count = states.count(exposition.READY)
    ready = exposition.is_ready(facts) and (count == len(states) or not everyone)
    words = "draining" if facts.get("draining", False) else f"{count} of {len(states)} workers ready"
    return _text(200 if ready else 503, words)


def status_of(history: History, facts: Facts) -> dict[str, Any]:
    """Return what `/status` answers: the facts, with times as ages in seconds, and the sums of all workers."""
    now = time.time()
    totals = history.totals()
    optional = ("address", "transport", "loads", *(f"{what}_error" for what in FOLLOWED))
    shipper = facts.get("shipper")
    return {
        "version": __version__,
        "ready": exposition.is_ready(facts),
        "draining": facts.get("draining", False),
        "uptime_seconds": round(now - facts["started_at"], 3),
        "revision": facts["revision"],
        "hash": facts["hash"],
        **{key: facts[key] for key in optional if key in facts},  # type: ignore[literal-required]
        "workers": [_worker(number, worker, history, now) for number, worker in enumerate(facts["workers"])],
        "calls": _calls(totals),
        "latency": {
            method: {"bounds": list(BOUNDS), "counts": counts, "seconds": totals.seconds[method]}
            for method, counts in sorted(totals.buckets.items())
        },
        "decisions": totals.decisions,
        "verdicts": [
            {"effect": effect, "level": level, "count": count}
            for (effect, level), count in sorted(totals.verdicts.items())
        ],
        "undecided": dict(sorted(totals.undecided.items())),
        "control": facts.get("control"),
        "grants": facts.get("grants"),
        "people": _people(facts.get("people"), now),
        "access_ends": facts.get("access_ends", []),
        "snapshots": None if shipper is None else _snapshots(shipper, totals, now),
    }


def _people(people: PeopleFacts | None, now: float) -> dict[str, Any] | None:
    """Return what was seen of people, and what waits for them; None where nobody signs in."""
    if people is None:
        return None
    told: dict[str, Any] = {key: value for key, value in people.items() if key != "waiting"}
    waiting = people.get("waiting")
    if waiting is None:
        return told | {"waiting": None}
    anomalies = {
        word: {"count": found["count"], "age_seconds": round(max(now - found["since"], 0.0), 3)}
        for word, found in waiting["anomalies"].items()
        if found["count"]
    }
    age = round(max(now - waiting["looked_at"], 0.0), 3)
    return told | {"waiting": {"look_age_seconds": age, "anomalies": anomalies, "reviews": waiting["reviews"]}}


def _calls(totals: Totals) -> dict[str, dict[str, int]]:
    calls: dict[str, dict[str, int]] = {}
    for (method, code), count in sorted(totals.requests.items()):
        calls.setdefault(method, {})[code] = count
    return calls


def _worker(number: int, worker: WorkerFacts, history: History, now: float) -> dict[str, Any]:
    told: dict[str, Any] = {"worker": number, **worker, "uptime_seconds": round(now - worker["started_at"], 3)}
    del told["started_at"]
    snapshot = history.of(worker["pid"])
    if snapshot is not None:
        told["calls"] = sum(sum(codes.values()) for codes in snapshot["requests"].values())
        told["cpu_seconds"] = round(snapshot["cpu_seconds"], 3)
        told["rss_bytes"] = snapshot["rss_bytes"]
        if "audit" in snapshot:
            told["spool"] = dict(snapshot["audit"])
    return told


def _snapshots(shipper: ShipperFacts, totals: Totals, now: float) -> dict[str, Any]:
    """Return what is recorded: the sums over all spools, and how the shipper stands."""
    facts: dict[str, Any] = {**shipper, "uptime_seconds": round(now - shipper["started_at"], 3)}
    del facts["started_at"]
    told = facts.pop("shipping", None)
    if told is not None:
        at = told["checkpoint_at"]
        age = round(max(now - at, 0.0), 3) if at else None
        facts |= {key: value for key, value in told.items() if key != "checkpoint_at"} | {"checkpoint_age_seconds": age}
    return {"spools": dict(sorted(totals.audit.items())), "shipper": facts}


def _text(code: int, words: str) -> _Answer:
    return _Answer(code, f"{words}\n".encode())


def _head(answer: _Answer) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.code} {_REASONS[answer.code]}",
        f"Content-Type: {answer.kind}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *(["Allow: GET, HEAD"] if answer.code == 405 else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _failed(error: Exception) -> None:
    logs.event(
        log, logging.ERROR, "admin.failed", "the admin port failed unexpectedly",
        error=type(error).__name__, traceback=list(frames(error)),
    )  # fmt: skip
