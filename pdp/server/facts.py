"""What workers and the supervisor tell about themselves, as plain data that JSON carries.

`WorkerMetrics.snapshot` makes a `Snapshot`; the supervisor makes `Facts`. The admin port renders both.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class SpoolCounts(TypedDict, total=False):
    """What became of a worker's records. Numbers only grow but `waiting`, `bytes`, `level` and `quarantined`."""

    appended: int
    """Records made durable."""
    commits: int
    commit_seconds: float
    """Transactions, and the time they took together."""
    waiting: int
    """Records that wait for the disk."""
    bytes: int
    """On this machine's disk, of all spools of the server."""
    level: str
    """How far disk pressure has come: the name of a `SpoolLevel`."""
    failures: int
    """Times that records could not be made durable."""
    rotations: int
    """Files that were begun after the first."""
    quarantined: int
    """Files set aside because they cannot be read, of all spools."""
    refused: int
    """Decisions that were not answered because their record could not be made durable."""
    unrecorded: int
    """Decisions that were answered all the same."""


class ShadowExample(TypedDict):
    """A decision that differed."""

    decision_id: str
    """Empty for a message that the live revision does not know."""
    fields: list[str]
    """Names of the dictionary, sorted; of many only the first."""


class ShadowCounts(TypedDict):
    """How two revisions compared since this pair met in the worker."""

    revision: int
    """The one beside."""
    live_revision: int
    compared: int
    """Decisions, each item of a batch."""
    differing: int
    failed: int
    """Decisions that the one beside could not make."""
    dropped: int
    """Calls that came while too many waited to be compared."""
    examples: list[ShadowExample]


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
    audit: NotRequired[SpoolCounts]
    """Absent without snapshots."""
    shadow: NotRequired[ShadowCounts]
    """Absent while nothing is compared."""
    tokens_used: NotRequired[list[tuple[str, str]]]
    """Names of callers and their tokens that were used since the snapshot before."""


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


class SiemFacts(TypedDict):
    """How an output of security events does. `sent` and `failures` begin anew with the shipper's process."""

    up: bool
    """Whether it takes events."""
    sent: int
    """Events, those that were sent twice twice."""
    failures: int
    """Times that it did not take them, also while it was tried again."""
    lag_records: int
    """Records in the store that it has not been told of, or that need not be told."""
    lag_seconds: float
    """How long ago there were none."""
    error: str
    """Why it takes nothing; empty while it does."""


class Shipping(TypedDict):
    """What the shipper tells. Numbers begin anew with its process."""

    shipped: int
    """Records that it brought into the store."""
    lag_records: int
    lag_bytes: int
    """What waits on this machine."""
    lag_seconds: float
    """Age of the oldest record that waits."""
    store_up: bool
    store_error: str
    """Why the store is away; empty while it is there."""
    checkpoint: int
    """Number of the last one; 0 before the first."""
    checkpoint_at: float
    """When it was made, in seconds since 1970; 0 before the first."""
    quarantined: int
    """Files that it cannot read."""
    alarms: dict[str, str]
    """What stands wrong now: the event, and in words why."""
    siem: NotRequired[dict[str, SiemFacts]]
    """By output (`syslog`, `file`); absent without any."""


class ShipperFacts(TypedDict):
    """The place of the shipper, as the supervisor sees it. `state` is starting, ready or down."""

    pid: int
    state: str
    restarts: int
    started_at: float
    """Seconds since 1970."""
    error: NotRequired[str]
    """Why the one before ended."""
    shipping: NotRequired[Shipping]
    """What it told last."""


class ControlFacts(TypedDict):
    """How this node stands to the control store. Numbers are revisions, 0 for none."""

    store: str
    """`sqlite` or `etcd`."""
    head: int
    """In force, when the store was last seen."""
    wanted: int
    """What this node should decide by: the head, or the candidate of a rollout."""
    applied: int
    """What it decides by."""
    candidate: bool
    """Whether what it should decide by is a candidate."""
    store_age_seconds: float
    """How long ago it saw the store."""
    store_error: str
    """Why it does not see it now; empty while it does."""
    stale: bool
    """Whether the store has been away for so long that the node alarms."""
    lease: str
    """`held` or `none`."""
    refused: int
    refused_code: NotRequired[str]
    refused_error: NotRequired[str]
    """Why, as `NodeStatus` has it."""
    refused_at: NotRequired[float]
    """Since when, in seconds since 1970."""


class GrantFacts(TypedDict):
    """How this node stands to the grants of the control store."""

    active: int
    """How many hold, as far as this node knows."""
    revision: int
    """The state of the store that this node decides by."""
    honoured: bool
    """Whether they count here: not while the store has been silent for too long."""
    look_age_seconds: float | None
    """How long ago it was seen that none is missing; None before the first time."""
    steps: dict[str, int]
    """How often grants were asked for, approved, consented to, refused and revoked through this node."""
    expired: int
    """How many ran out, as every node sees."""


class Refusal(TypedDict):
    """A version that was refused: `diagnostics` as `pdp check --format json` tells them, or a `reason`."""

    at: float
    """Seconds since 1970."""
    errors: NotRequired[int]
    diagnostics: NotRequired[list[dict[str, Any]]]
    reason: NotRequired[str]


FOLLOWED = ("policies", "grants", "callers")
"""What the service follows while it runs; the errors of each stand in the facts as `…_error`."""


ReportFacts = dict[str, dict[str, int]]
"""Numbers of what clients reported and was recorded, by kind (`fallbacks`, `decisions`) and by what it showed
(`nothing`, `fields`)."""


class OpenAnomalies(TypedDict):
    """What of a class waits for a review."""

    count: int
    since: float
    """When the oldest happened first, in seconds since 1970; 0 for none."""


class WaitingFacts(TypedDict):
    """What waits for people, as the control store tells all nodes."""

    looked_at: float
    """When this node looked last, in seconds since 1970."""
    anomalies: dict[str, OpenAnomalies]
    """By class such as `new_device`; all of them stand here."""
    reviews: dict[str, int]
    """Accounts by whether their rights must be confirmed again: `confirmed`, `due`, `overdue`."""


class PeopleFacts(TypedDict):
    """What was seen of people who sign in, since the service started."""

    anomalies: dict[str, int]
    """What was unusual about sign-ins, by class such as `new_device`."""
    throttled: int
    """Sign-ins that were refused because too many failed from their address."""
    waiting: NotRequired[WaitingFacts]
    """Absent until this node has looked once."""


class EndingAccess(TypedDict):
    """A caller whose last token ends soon or has ended."""

    caller: str
    seconds: float
    """Until it ends; below 0 since it has."""
    over: bool
    """Whether it has ended, and the caller has no certificate either."""


class TokenUse(TypedDict):
    """A token of a caller that has several which hold."""

    caller: str
    token: str
    """Its id."""
    unused: float
    """Seconds since this node was last shown it, or since it began to look."""


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
    shipper: NotRequired[ShipperFacts | None]
    """None when nothing is recorded."""
    control: NotRequired[ControlFacts | None]
    """None when nothing is kept."""
    grants: NotRequired[GrantFacts | None]
    """None when nothing is kept."""
    reports: NotRequired[ReportFacts | None]
    """None when nothing is kept."""
    people: NotRequired[PeopleFacts | None]
    """None where nobody signs in."""
    access_ends: NotRequired[list[EndingAccess]]
    """Callers that cannot call any more soon; the first stands first."""
    token_uses: NotRequired[list[TokenUse]]
    """Of callers whose tokens are being rotated."""
    loads: NotRequired[dict[str, dict[str, int]]]
    """How often `policies`, `grants` and `callers` were looked at, by outcome (accepted, unchanged, refused)."""
