"""When records end: policy, holds, checkpoints, a clock that jumped, and a crash in the middle."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.errors import ConfigError, EvidenceError, SpoolFullError, StoreError
from pdp.snapshot.archive import Archived
from pdp.snapshot.chain import RETENTIONS, StreamKey
from pdp.snapshot.holds import add_hold, day_of, iso, remove_hold
from pdp.snapshot.retention import MINIMUM, Expiry, RetentionPolicy, check_clock, expire
from pdp.snapshot.store.base import Hold, StreamState, TreeState
from pdp.v1 import snapshot_pb2

TODAY = 20_000
DAY = 86_400 * 10**9
NOW = TODAY * DAY
OLD = TODAY - 100
LATELY = (TODAY - 10, TODAY - 1, TODAY)


def stream(retention: str, day: int, *, node: str = "n1", count: int = 3, closed: bool = True) -> StreamState:
    key = StreamKey(node, f"{day:016x}", retention, day)
    return StreamState(key, count, b"c%031d" % day, TreeState(count, ()), closed)


def checkpoint(*states: StreamState, number: int = 1, closed: bool = True, signature: bytes = b"good") -> bytes:
    made = max(state.key.day for state in states) * DAY
    content = snapshot_pb2.Checkpoint(node=states[0].key.node, number=number, time_nanos=made)
    for state in states:
        content.heads.add(
            stream=snapshot_pb2.Stream(**state.key._asdict()),
            count=state.count,
            chain=state.chain,
            root=b"root of " + state.key.boot.encode(),
            closed=closed,
        )
    return snapshot_pb2.SignedCheckpoint(
        checkpoint=content.SerializeToString(), signature=signature
    ).SerializeToString()


def verify(signed: bytes) -> snapshot_pb2.Checkpoint:
    envelope = snapshot_pb2.SignedCheckpoint.FromString(signed)
    if envelope.signature != b"good":
        raise EvidenceError("the signature does not fit")
    return snapshot_pb2.Checkpoint.FromString(envelope.checkpoint)


@dataclass
class Memory:
    """A store as `store.base` describes it, as small as can be; the real ones are in tests/integration."""

    states: list[StreamState]
    signed: list[bytes] = field(default_factory=list)
    held: list[Hold] = field(default_factory=list)
    gone: list[tuple[str, int]] = field(default_factory=list)
    refuse: str = ""
    marks: list[tuple[str, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.signed:
            self.signed = [checkpoint(state) for state in self.states if state.closed]

    def parts(self) -> list[tuple[str, int]]:
        return sorted({(s.key.retention, s.key.day) for s in self.states} - set(self.gone))

    def drop(self, retention: str, day: int, *, by: str = "system", at_nanos: int | None = None) -> int:
        if self.refuse:
            raise StoreError(self.refuse)
        self.gone.append((retention, day))
        self.marks.append((by, at_nanos))
        return sum(s.count for s in self.states if (s.key.retention, s.key.day) == (retention, day))

    def dropped(self) -> list[StreamState]:
        return [s for s in self.states if (s.key.retention, s.key.day) in self.gone]

    def holds(self) -> list[Hold]:
        return sorted(self.held, key=lambda hold: hold.id)

    def add_hold(self, hold: Hold) -> None:
        self.held.append(hold)

    def remove_hold(self, hold_id: str) -> None:
        if self.refuse:
            raise StoreError(self.refuse)
        self.held = [hold for hold in self.held if hold.id != hold_id]

    def close(self) -> None:
        pass

    def streams(self) -> list[StreamState]:
        gone = {state.key for state in self.dropped()}
        states = (dataclasses.replace(state, dropped=state.key in gone) for state in self.states)
        return sorted(states, key=lambda state: state.key)

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        for number, signed in enumerate(self.signed, 1):
            told = snapshot_pb2.Checkpoint.FromString(snapshot_pb2.SignedCheckpoint.FromString(signed).checkpoint)
            if node in (None, told.node) and told.time_nanos >= since:
                yield told.node, number, signed


def lately(*retentions: str) -> list[StreamState]:
    """Return streams of a service that has been in use."""
    return [stream(retention, day) for retention in retentions or ("short",) for day in LATELY]


def run(
    store: Memory, log: list[snapshot_pb2.Operation], *, today: int = TODAY, dry_run: bool = False, force: bool = False
) -> Expiry:
    return expire(
        store, RetentionPolicy(), today, log.append,
        reader=store, verify=verify, actor="ops", clock=lambda: NOW, dry_run=dry_run, force=force,
    )  # fmt: skip


def test_the_defaults_are_the_least_that_is_asked_for() -> None:
    policy = RetentionPolicy()
    assert (
        {name: policy.days(name) for name in RETENTIONS} == dict(MINIMUM) == {"short": 90, "medium": 183, "long": 1827}
    )


@pytest.mark.parametrize(("name", "days"), [("short", 89), ("medium", 182), ("long", 1826)])
def test_less_than_the_minimum_must_be_allowed(name: str, days: int) -> None:
    with pytest.raises(ConfigError, match=f"`{days}` is below the {days + 1} days .* `{name}`") as caught:
        RetentionPolicy(**{name: days})
    assert [place for place, _ in caught.value.problems] == [f"audit.{name}_days"]
    assert RetentionPolicy(**{name: days}, allow_shorter=True).days(name) == days


def test_no_days_at_all_are_never_allowed() -> None:
    with pytest.raises(ConfigError, match="no number of days"):
        RetentionPolicy(short=0, allow_shorter=True)


@given(
    st.lists(st.tuples(st.sampled_from(RETENTIONS), st.integers(0, 3_000)), max_size=30),
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 60)), max_size=3),
    st.integers(0, 4_000),
)
def test_nothing_younger_than_the_minimum_or_held_is_due(
    parts: list[tuple[str, int]], spans: list[tuple[int, int]], today: int
) -> None:
    holds = [Hold(str(n), first, first + length, "case", "ann", 0) for n, (first, length) in enumerate(spans)]
    policy = RetentionPolicy()
    due = policy.due(parts, holds, today)
    assert due == sorted(due, key=lambda part: (part[1], part[0]))
    for retention, day in parts:
        # A record of the last moment of its day is kept for all the days that were promised.
        over = (today - day - 1) > MINIMUM[retention]
        held = any(hold.first_day <= day <= hold.last_day for hold in holds)
        assert ((retention, day) in due) == (over and not held)


def test_what_is_over_goes_and_is_recorded_with_counts_and_roots() -> None:
    store = Memory([stream("short", OLD), stream("short", OLD, node="n2", count=5), stream("long", OLD), *lately()])
    log: list[snapshot_pb2.Operation] = []
    done = run(store, log)
    assert [(d.part.retention, d.part.day, d.records) for d in done.dropped] == [("short", OLD, 8)]
    assert store.gone == [("short", OLD)]
    assert store.marks == [("ops", NOW)]
    (entry,) = log
    assert (entry.kind, entry.actor, entry.success, entry.time_nanos) == ("snapshot.expire", "ops", True, NOW)
    boot = f"{OLD:016x}"
    root = (b"root of " + boot.encode()).hex()
    assert dict(entry.details) == {
        "retention": "short", "day": iso(OLD), "kept_days": "90", "records": "8", "streams": "2",
        "roots_sha256": entry.details["roots_sha256"],
        f"stream n1/{boot}": f"3 {root}", f"stream n2/{boot}": f"5 {root}",
    }  # fmt: skip
    assert len(entry.details["roots_sha256"]) == 64


def test_a_dry_run_changes_and_records_nothing() -> None:
    store = Memory([stream("short", OLD), *lately()])
    log: list[snapshot_pb2.Operation] = []
    found = run(store, log, dry_run=True)
    assert [(part.date, part.records, part.fate) for part in found.parts] == [(iso(OLD), 3, "drop")]
    assert (store.gone, log, found.dropped, found.doubt) == ([], [], (), "")


def test_held_days_stay() -> None:
    store = Memory([stream("short", OLD - 1), stream("short", OLD), stream("short", OLD + 1), *lately()])
    log: list[snapshot_pb2.Operation] = []
    hold = add_hold(store, OLD, OLD, "case 12/2026 ", "ann", NOW, log.append)
    found = run(store, log)
    assert store.gone == [("short", OLD - 1), ("short", OLD + 1)]
    (held,) = [part for part in found.parts if part.fate == "held"]
    assert (held.day, held.why) == (OLD, f"`{hold.id}`: case 12/2026")
    remove_hold(store, hold.id, "case closed", "bob", NOW, log.append)
    run(store, log)
    assert ("short", OLD) in store.gone
    kinds = [(entry.kind, entry.actor) for entry in log]
    assert kinds[0] == ("snapshot.hold.add", "ann")
    assert kinds[3] == ("snapshot.hold.remove", "bob")
    assert log[3].details["end_reason"] == "case closed"


def test_a_hold_needs_days_in_order_a_reason_and_an_id_that_is_there() -> None:
    store, log = Memory(lately()), list[snapshot_pb2.Operation]()
    with pytest.raises(StoreError, match="swap the days"):
        add_hold(store, OLD, OLD - 1, "case", "ann", NOW, log.append)
    with pytest.raises(StoreError, match="needs a reason"):
        add_hold(store, OLD, OLD, "  ", "ann", NOW, log.append)
    with pytest.raises(StoreError, match="no hold `x`"):
        remove_hold(store, "x", "over", "ann", NOW, log.append)
    hold = add_hold(store, OLD, OLD, "case", "ann", NOW, log.append)
    with pytest.raises(StoreError, match="needs a reason"):
        remove_hold(store, hold.id, "", "ann", NOW, log.append)
    assert store.holds() == [hold]
    assert len(log) == 1


def test_a_hold_that_cannot_be_ended_says_so_in_the_record() -> None:
    store, log = Memory(lately()), list[snapshot_pb2.Operation]()
    hold = add_hold(store, OLD, OLD, "case", "ann", NOW, log.append)
    store.refuse = "the store is away"
    with pytest.raises(StoreError, match="away"):
        remove_hold(store, hold.id, "over", "bob", NOW, log.append)
    assert [entry.success for entry in log] == [True, True, False]


def test_open_streams_stay() -> None:
    store = Memory([stream("short", OLD), stream("short", OLD, node="n2", closed=False), *lately()])
    found = run(store, [])
    assert store.gone == []
    assert [(part.fate, part.why) for part in found.parts] == [("open", f"n2/{OLD:016x}")]


@pytest.mark.parametrize("case", ["none", "open", "shorter", "other chain", "other stream"])
def test_what_no_checkpoint_covers_to_its_end_stays(case: str) -> None:
    state = stream("short", OLD)
    told = {
        "none": stream("short", TODAY),
        "open": state,
        "shorter": dataclasses.replace(state, count=2),
        "other chain": dataclasses.replace(state, chain=b"x" * 32),
        "other stream": dataclasses.replace(state, key=state.key._replace(day=OLD + 1)),
    }[case]
    store = Memory([state, *lately()], [checkpoint(told, closed=case != "open")])
    found = run(store, [])
    assert store.gone == []
    assert [part.fate for part in found.parts] == ["uncovered"]
    store.signed = [checkpoint(state)]
    run(store, [])
    assert store.gone == [("short", OLD)]


def test_a_bad_signature_stops_everything() -> None:
    state = stream("short", OLD)
    store = Memory([state, *lately()], [checkpoint(state, signature=b"forged")])
    with pytest.raises(EvidenceError, match="signature"):
        run(store, [])
    assert store.gone == []


def test_a_damaged_checkpoint_stops_everything() -> None:
    state = stream("short", OLD)
    store = Memory([state, *lately()])
    damaged = b"\xff" + state.key.boot.encode()
    store.checkpoints = lambda node=None, since=0: iter([("n1", 1, damaged)])  # type: ignore[method-assign]
    with pytest.raises(EvidenceError, match="no checkpoint"):
        run(store, [])
    assert store.gone == []


@pytest.mark.parametrize("jump", [4, 90, 1_000, 10_000])
def test_a_clock_that_jumped_ahead_drops_nothing(jump: int) -> None:
    store = Memory([stream("short", OLD), *lately("short", "medium", "long")])
    log: list[snapshot_pb2.Operation] = []
    with pytest.raises(StoreError, match="nothing was dropped"):
        run(store, log, today=TODAY + jump)
    assert (store.gone, log) == ([], [])
    assert "nothing was dropped" in run(store, log, today=TODAY + jump, dry_run=True).doubt
    assert run(store, log, today=TODAY + jump, force=True).dropped


@pytest.mark.parametrize("jump", [20, 90, 1_000])
def test_nor_when_records_were_written_by_that_clock(jump: int) -> None:
    store = Memory([stream("short", OLD), *lately("short", "medium", "long"), stream("short", TODAY + jump)])
    with pytest.raises(StoreError, match="jump of the clock"):
        run(store, [], today=TODAY + jump)
    assert store.gone == []


def test_a_record_of_the_future_is_no_witness() -> None:
    store = Memory([stream("short", OLD), *lately(), stream("short", TODAY + 5_000)])
    assert run(store, []).dropped
    with pytest.raises(StoreError, match="newest record is of"):
        check_clock([("short", TODAY - 20), ("short", TODAY + 5_000)], TODAY)
    with pytest.raises(StoreError, match="no record up to now"):
        check_clock([("short", TODAY + 5_000)], TODAY)


def test_an_empty_store_and_one_without_anything_over_need_no_clock() -> None:
    assert run(Memory([]), []) == Expiry(())
    assert run(Memory([stream("short", TODAY - 30)]), []) == Expiry(())


class Crashed(BaseException):
    """Stands for a process that ends."""


@pytest.mark.parametrize("at", range(6))
def test_a_crash_in_the_middle_loses_no_record_of_a_drop(at: int) -> None:
    store = Memory([*(stream("short", OLD - n) for n in range(3)), *lately()])
    log: list[snapshot_pb2.Operation] = []
    steps = 0

    def step() -> None:
        nonlocal steps
        if steps == at:
            steps += 1
            raise Crashed
        steps += 1

    really = store.drop

    def drop(retention: str, day: int, *, by: str = "system", at_nanos: int | None = None) -> int:
        step()
        return really(retention, day, by=by, at_nanos=at_nanos)

    def record(entry: snapshot_pb2.Operation) -> None:
        step()
        log.append(entry)

    store.drop = drop  # type: ignore[method-assign]

    def again() -> None:
        expire(store, RetentionPolicy(), TODAY, record, reader=store, verify=verify, clock=lambda: NOW)

    with pytest.raises(Crashed):
        again()
    assert {iso(day) for _, day in store.gone} <= {entry.details["day"] for entry in log}
    again()
    assert store.gone == [("short", OLD - 2), ("short", OLD - 1), ("short", OLD)]
    assert len(log) in (3, 4)
    again()
    assert len(store.gone) == 3


def test_a_drop_that_fails_is_recorded_and_told() -> None:
    store = Memory([stream("short", OLD), *lately()], refuse="a hold came in between")
    log: list[snapshot_pb2.Operation] = []
    with pytest.raises(StoreError, match="in between"):
        run(store, log)
    assert [(entry.success, entry.details.get("error")) for entry in log] == [
        (True, None),
        (False, "a hold came in between"),
    ]


@pytest.mark.parametrize("broken", ["record", "archive", "other"])
def test_nothing_is_dropped_that_could_not_be_recorded_or_archived(broken: str) -> None:
    store, log = Memory([stream("short", OLD), *lately()]), list[snapshot_pb2.Operation]()

    def record(entry: snapshot_pb2.Operation) -> None:
        if broken == "record":
            raise SpoolFullError("no room")
        log.append(entry)

    def archive(retention: str, day: int) -> Archived:
        if broken == "archive":
            raise OSError(28, "no room")
        return Archived(Path("a"), retention, day, 1, 3 if broken == "record" else 2, "")

    words = "has changed meanwhile" if broken == "other" else "no room"
    with pytest.raises((SpoolFullError, OSError, StoreError), match=words):
        expire(
            store, RetentionPolicy(), TODAY, record,
            reader=store, verify=verify, clock=lambda: NOW, archive=archive,
        )  # fmt: skip
    assert (store.gone, log) == ([], [])


def test_a_drop_of_more_than_was_counted_is_told() -> None:
    store, log = Memory([stream("short", OLD), *lately()]), list[snapshot_pb2.Operation]()
    really = store.drop
    store.drop = lambda *part, **mark: really(*part, **mark) + 1  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="4 records were dropped and not 3"):
        run(store, log)
    assert [entry.success for entry in log] == [True, False]


def test_the_archive_stands_in_the_record() -> None:
    store, log = Memory([stream("short", OLD), *lately()]), list[snapshot_pb2.Operation]()
    path = Path("/archive/one.jxe.gz")
    done = expire(
        store, RetentionPolicy(), TODAY, log.append,
        reader=store, verify=verify, clock=lambda: NOW,
        archive=lambda retention, day: Archived(path, retention, day, 1, 3, ""),
    )  # fmt: skip
    assert [dropped.archive for dropped in done.dropped] == [path]
    assert log[0].details["archive"] == str(path)


def test_only_so_many_streams_are_named_but_all_count() -> None:
    crowd = [stream("short", OLD, node=f"n{number:03d}") for number in range(100)]
    store, log = Memory([*crowd, *lately()]), list[snapshot_pb2.Operation]()
    run(store, log)
    first = log[0].details
    assert (first["streams"], first["records"]) == ("100", "300")
    assert len([name for name in first if name.startswith("stream ")]) == 64
    changed = [*crowd[:-1], dataclasses.replace(crowd[-1], count=4)]
    store, log = Memory([*changed, *lately()]), []
    run(store, log)
    assert log[0].details["roots_sha256"] != first["roots_sha256"]


def test_days_are_those_of_utc() -> None:
    assert iso(0) == "1970-01-01"
    assert iso(day_of(NOW)) == iso(TODAY) == "2024-10-04"
    assert day_of(NOW - 1) == TODAY - 1
