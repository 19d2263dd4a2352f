"""What happened in a run, as its clients and its driver saw it. Times are of the monotonic clock unless they say so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from pdp.v1 import decision_service_pb2
from tests.reference.request import Decision, decision_of

STALE: Final = "STALE_POLICIES"


class Told(NamedTuple):
    """A decision that a client was told. `node` is empty where the client did not choose it."""

    node: str
    sent: float
    received: float
    sent_nanos: int
    """When it was sent, by the machine's clock, in nanoseconds since 1970."""
    question: int
    """Its place in the list of questions."""
    request_id: str
    decision_id: str
    revision: int
    policy_hash: str
    floor: int
    """The `min_revision` that was asked for."""
    decision: Decision
    stale: bool = False
    """It says that the policies may be old. That says nothing of what they mean, and stands in no policy."""


class Call(NamedTuple):
    """A call: when it was sent, how long its client waited, and the code that it ended with."""

    node: str
    sent: float
    seconds: float
    code: str
    waits: bool = False
    """It asked for a revision that the node may not have yet, so it may take as long as that does."""

    @property
    def ended(self) -> float:
        return self.sent + self.seconds


class Publication(NamedTuple):
    """A revision that was acknowledged to whoever published it."""

    revision: int
    policy_hash: str
    variant: int
    begun: float
    acknowledged: float


class Seen(NamedTuple):
    """What a node told of itself in the control store."""

    at: float
    node: str
    boot: str
    revision: int
    refused_revision: int
    refused_code: str


@dataclass(frozen=True, slots=True)
class Skew:
    """A node's clock was beside the machine's by `seconds` for a while, roughly."""

    node: str
    begun: float
    ended: float
    seconds: float


@dataclass
class History:
    """Grows while a run goes on, from several threads."""

    told: list[Told] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    skews: list[Skew] = field(default_factory=list)
    planted: dict[int, str] = field(default_factory=dict)
    """Revisions that were written into the store by somebody who may not, and what is wrong with each."""
    _decisions: dict[bytes, Decision] = field(default_factory=dict)
    _highest: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def decision(self, response: decision_service_pb2.DecideResponse) -> Decision:
        """Return an answer's meaning; equal ones once, as there are many of each."""
        plain = decision_service_pb2.DecideResponse()
        plain.CopyFrom(response)
        plain.ClearField("decision_id")
        plain.ClearField("request_id")
        key = plain.SerializeToString(deterministic=True)
        if key not in self._decisions:
            self._decisions[key] = decision_of(plain)
        return self._decisions[key]

    def tell(self, told: Told) -> None:
        """Keep a decision."""
        kept = tuple(found for found in told.decision.diagnostics if found[0] != STALE)
        if len(kept) < len(told.decision.diagnostics):
            told = told._replace(decision=replace(told.decision, diagnostics=kept), stale=True)
        self.told.append(told)
        with self._lock:
            steps = self._highest.setdefault(told.node, [])
            if not steps or told.revision > steps[-1][1]:
                steps.append((told.received, told.revision))

    def highest(self, node: str) -> int:
        """Return the highest revision that a node has answered by."""
        steps = self._highest.get(node)
        return steps[-1][1] if steps else 0

    def reached(self, node: str, revision: int) -> float | None:
        """Return when a node first answered by a revision or a higher one; None when it did not yet."""
        return next((at for at, number in self._highest.get(node, ()) if number >= revision), None)

    def calls_between(self, begun: float, ended: float, nodes: Iterable[str]) -> list[Call]:
        """Return the calls to these nodes that were sent in a span."""
        wanted = set(nodes)
        return [call for call in self.calls.copy() if begun <= call.sent < ended and call.node in wanted]

    def write(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Keep everything as lines of JSON, so that somebody can look at a run that went wrong."""
        with path.open("w", encoding="utf-8") as stream:
            for kind, items in (
                ("fact", [dict(facts)]),
                ("publication", [item._asdict() for item in self.publications]),
                ("skew", [asdict(item) for item in self.skews]),
                ("seen", [item._asdict() for item in self.seen]),
                ("call", [item._asdict() for item in self.calls]),
                ("told", [item._replace(decision=None)._asdict() for item in self.told]),  # type: ignore[arg-type]
            ):
                for item in items:
                    stream.write(json.dumps({"kind": kind, **item}, default=str) + "\n")


def away(calls: Iterable[Call]) -> float:
    """Return for how many seconds calls failed and none was answered, up to the next answer or the last call's end.

    Calls that wait for a revision say nothing about that.
    """
    total, since, answered, ended = 0.0, None, float("-inf"), 0.0
    for call in sorted((call for call in calls if not call.waits), key=lambda call: call.ended):
        ended = call.ended
        if call.code != "OK":
            since = call.sent if since is None else min(since, call.sent)
            continue
        if since is not None:
            total += ended - max(since, answered)
        since, answered = None, ended
    return total if since is None else total + ended - max(since, answered)
