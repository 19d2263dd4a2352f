"""What workers and the supervisor tell about themselves, as plain data that JSON carries.

`WorkerMetrics.snapshot` makes a `Snapshot`; the supervisor makes `Facts`. The admin port renders both.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Snapshot(TypedDict):
    """What one worker has counted since it started; every number only grows but those of `process`."""

    boot: str
    """Unique for each start of a worker."""
    sequence: int
    """Grows with each snapshot, so that an old one cannot replace a newer one."""
    pid: int
    requests: dict[str, dict[str, int]]
    """By method and code's name."""
    buckets: dict[str, list[int]]
    """By method: calls for each of `metrics.BOUNDS`, not cumulative, then those above all."""
    seconds: dict[str, float]
    """By method: the sum of all latencies."""
    decisions: int
    verdicts: dict[str, dict[str, int]]
    """By effect (`mask`, `unmask`) and level."""
    undecided: dict[str, int]
    """Undecided conditions by attribute."""
    revision: int
    hash: str
    cpu_seconds: float
    rss_bytes: int


class WorkerFacts(TypedDict):
    """One place of a worker, as the supervisor sees it. `state` is starting, ready, draining or down."""

    pid: int
    state: str
    revision: int
    hash: str
    restarts: int
    """How often the process in this place was replaced."""
    started_at: float
    """Seconds since 1970."""
    address: NotRequired[str]
    """Its own port, with `worker_ports`."""
    error: NotRequired[str]
    """Why it refused a revision or ended."""


class Refusal(TypedDict):
    """A version that was refused: `diagnostics` as `pdp check --format json` tells them, or a `reason`."""

    at: float
    """Seconds since 1970."""
    errors: NotRequired[int]
    diagnostics: NotRequired[list[dict[str, Any]]]
    reason: NotRequired[str]


FOLLOWED = ("policies", "grants", "callers")
"""What the service follows while it runs; the errors of each stand in the facts as `…_error`."""


class Facts(TypedDict):
    """What the supervisor knows. `ready` is false from the drain on, whatever the workers say."""

    workers: list[WorkerFacts]
    revision: int
    hash: str
    started_at: float
    """Seconds since 1970."""
    draining: NotRequired[bool]
    address: NotRequired[str]
    transport: NotRequired[str]
    policies_error: NotRequired[Refusal | None]
    """Of the last look at the policies; None when that was fine."""
    grants_error: NotRequired[Refusal | None]
    callers_error: NotRequired[Refusal | None]
    loads: NotRequired[dict[str, dict[str, int]]]
    """How often `policies`, `grants` and `callers` were looked at, by outcome (accepted, unchanged, refused)."""
