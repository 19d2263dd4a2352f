"""What every store must do, and records, states and checkpoints to do it with."""

from __future__ import annotations

import itertools
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from pdp.errors import StoreError, WatermarkError
from pdp.snapshot import columns, query
from pdp.snapshot.chain import SpooledRecord, StreamKey, genesis, link
from pdp.snapshot.evidence import merkle
from pdp.snapshot.filter import Schema, compile_filter, predicate
from pdp.snapshot.store import open_maintainer, open_reader, open_writer
from pdp.snapshot.store.base import Hold, Maintainer, Reader, Sql, StoredRecord, StreamState, Writer
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2
from pdp.values import AttributeType, format_timestamp

DAY = 20_400
DAY_NANOS = 86_400 * 10**9
HALF = DAY * DAY_NANOS + 10_000
BOOT = "00000000000000a1"


def decision(
    number: int, *, time: int | None = None, subject: str = "T1001", severity: int = 0, name: str = "d", day: int = DAY
) -> bytes:
    """Return the record of a decision whose id is its name and number."""
    return snapshot_pb2.Record(
        snapshot=snapshot_pb2.Snapshot(
            decision_id=f"{name}{number}",
            request_id=f"r{number}",
            revision=7,
            time_nanos=day * DAY_NANOS + number * 1_000 if time is None else time,
            caller="teller-app",
            facts=decision_service_pb2.DecideRequest(
                subject=types_pb2.Subject(id=subject, attributes={"level": types_pb2.Value(int_value=number % 5)}),
                action=types_pb2.Action(name="query"),
            ),
            resource_key=bytes([number % 251]) * 16,
            severity=severity,  # type: ignore[arg-type]
            verdicts=[snapshot_pb2.RecordedVerdict(fields=["mobile"], level="C3", effect=types_pb2.EFFECT_MASK)],
        )
    ).SerializeToString(deterministic=True)


def key(node: str = "n1", boot: str = BOOT, retention: str = "short", day: int = DAY) -> StreamKey:
    return StreamKey(node, boot, retention, day)


class Stream:
    """A chain that grows: what a spool holds of it and the state that a shipper has of it."""

    def __init__(self, name: StreamKey, state: StreamState | None = None) -> None:
        self.state = state or StreamState(name, 0, genesis(name, "sha256"), merkle.EMPTY)

    def add(self, bodies: Iterable[bytes]) -> list[SpooledRecord]:
        """Return the next records; the state is that after them."""
        name, count, chain, tree = self.state.key, self.state.count, self.state.chain, self.state.tree
        records = []
        for body in bodies:
            chain = link(chain, count, body)
            records.append(SpooledRecord(name, count, body, chain))
            count += 1
        tree = merkle.extend(tree, [record.chain for record in records])
        self.state = StreamState(name, count, chain, tree)
        return records

    def close(self) -> StreamState:
        self.state = StreamState(self.state.key, self.state.count, self.state.chain, self.state.tree, closed=True)
        return self.state


def fill(writer: Writer, name: StreamKey, bodies: Iterable[bytes]) -> Stream:
    """Put a new stream into a store."""
    stream = Stream(name)
    records = stream.add(bodies)
    writer.take(records, [stream.state])
    return stream


def checkpoint(node: str, number: int, states: Iterable[StreamState], time: int = DAY * DAY_NANOS) -> bytes:
    """Return a SignedCheckpoint; a store does not look at its signature."""
    heads = [
        snapshot_pb2.StreamHead(
            stream=snapshot_pb2.Stream(**state.key._asdict()),
            count=state.count,
            chain=state.chain,
            root=merkle.root(state.tree),
            closed=state.closed,
        )
        for state in states
    ]
    body = snapshot_pb2.Checkpoint(node=node, number=number, time_nanos=time, algorithm="sha256", heads=heads)
    return snapshot_pb2.SignedCheckpoint(checkpoint=body.SerializeToString(), key_id="k").SerializeToString()


def seal(writer: Writer, *streams: Stream, number: int = 1) -> None:
    """Close streams, and the store with a checkpoint over them."""
    writer.take([], [stream.close() for stream in streams])
    writer.add_checkpoint(streams[0].state.key.node, number, checkpoint("n1", number, [s.state for s in streams]))


def ids(records: Iterable[StoredRecord]) -> list[str]:
    return [record.columns["id"] for record in records]


def pages(
    reader: Reader, where: Sql | None = None, *, oldest_first: bool = False, limit: int = 7
) -> list[StoredRecord]:
    """Return all records, page by page."""
    found: list[StoredRecord] = []
    while page := reader.select(
        where, after=found[-1].place if found else None, oldest_first=oldest_first, limit=limit
    ):
        assert len(page) <= limit
        found += page
    return found


class StoreContract(ABC):
    """Every store passes these. A store says how it is made, and how its tables and conditions are called."""

    @pytest.fixture
    @abstractmethod
    def url(self) -> str:
        """A new, empty store."""

    @abstractmethod
    def condition(self, name: str, operator: str, value: object) -> Sql:
        """Return a condition on a column."""

    @abstractmethod
    def tamper(self, url: str, *statements: str, guarded: bool = False) -> int:
        """Change rows behind the system's back and return how many the last statement met.

        `{records}` stands for the table of the partition (short, DAY), `{streams}` and `{checkpoints}` for theirs.
        `guarded` leaves the triggers in place.
        """

    @pytest.fixture
    def writer(self, url: str) -> Iterable[Writer]:
        writer = open_writer(url)
        yield writer
        writer.close()

    @pytest.fixture
    def reader(self, url: str) -> Iterable[Reader]:
        reader = open_reader(url)
        yield reader
        reader.close()

    @pytest.fixture
    def maintainer(self, url: str) -> Iterable[Maintainer]:
        maintainer = open_maintainer(url)
        yield maintainer
        maintainer.close()

    # Taking

    def test_an_empty_store_has_nothing(self, writer: Writer, reader: Reader, maintainer: Maintainer) -> None:
        assert writer.states("n1") == {}
        assert writer.state(key()) is None
        assert writer.last_checkpoint("n1") is None
        assert reader.select(None, after=None, oldest_first=False, limit=10) == []
        assert reader.count(None, exact=False) == (0, True)
        assert reader.count(None, exact=True) == (0, True)
        assert reader.find("d0") is None
        assert reader.streams() == []
        assert list(reader.records(key())) == []
        assert list(reader.checkpoints()) == []
        assert reader.bundle("00") is None
        assert reader.strays() == 0
        assert maintainer.parts() == []
        assert maintainer.dropped() == []
        assert maintainer.holds() == []

    def test_what_is_taken_comes_back_byte_for_byte(self, writer: Writer, reader: Reader) -> None:
        stream = Stream(key())
        bodies = [decision(number, severity=number % 4) for number in range(2_345)]
        export = snapshot_pb2.Operation(id="o1", time_nanos=5, actor="老王", kind="x", details={"a": "\0\\u0000'"})
        operation = snapshot_pb2.Record(operation=export).SerializeToString()
        bodies.append(operation)
        sent = stream.add(bodies)
        writer.take(sent[:1_000], [_after(sent, 1_000)])
        writer.take(sent[1_000:], [stream.state])
        found = list(reader.records(key()))
        assert [(r.stream, r.sequence, r.body, r.chain) for r in found] == sent
        assert [record.sequence for record in reader.records(key(), 2_343)] == [2_343, 2_344, 2_345]
        for record in found:
            assert columns.altered(record.columns, record.body) == []
        assert found[-1].body == operation
        assert found[-1].columns["subject_id"] == "老王"
        assert writer.states("n1") == {key(): stream.state}
        assert reader.streams() == [stream.state]

    def test_records_of_several_streams_in_one_go(self, writer: Writer, reader: Reader) -> None:
        streams = [
            Stream(key(retention=retention, day=day, boot=boot))
            for retention, day, boot in itertools.product(("short", "long"), (DAY, DAY + 1), (BOOT, "00000000000000b2"))
        ]
        sent = [stream.add([decision(number) for number in range(5)]) for stream in streams]
        mixed = [record for records in itertools.zip_longest(*sent) for record in records]
        writer.take(mixed, [stream.state for stream in streams])
        for stream, records in zip(streams, sent, strict=True):
            assert [r.body for r in reader.records(stream.state.key)] == [r.body for r in records]
        assert reader.count(None, exact=True) == (40, True)
        assert writer.states("n1") == {stream.state.key: stream.state for stream in streams}

    def test_records_come_exactly_once(self, writer: Writer, reader: Reader) -> None:
        stream = Stream(key())
        first = stream.add([decision(0), decision(1)])
        after_first = stream.state
        writer.take(first, [after_first])
        with pytest.raises(WatermarkError, match="has 2 records, but those sent begin at 0"):
            writer.take(first, [after_first])
        later = stream.add([decision(2), decision(3)])
        with pytest.raises(WatermarkError, match="has 2 records, but those sent begin at 3"):
            writer.take(later[1:], [stream.state])
        assert writer.state(key()) == after_first
        writer.take(later, [stream.state])
        assert ids(reader.records(key())) == ["d0", "d1", "d2", "d3"]

    def test_a_conflict_in_one_stream_leaves_all_as_they_were(self, writer: Writer, reader: Reader) -> None:
        fill(writer, key(), [decision(0)])
        other, again = Stream(key(retention="long")), Stream(key())
        records = other.add([decision(9)]) + again.add([decision(0)])
        with pytest.raises(WatermarkError):
            writer.take(records, [other.state, again.state])
        assert reader.count(None, exact=True) == (1, True)
        assert writer.state(key(retention="long")) is None
        assert [state.key for state in reader.streams()] == [key()]

    def test_what_does_not_fit_itself_is_refused(self, writer: Writer, reader: Reader) -> None:
        stream = Stream(key())
        sent = stream.add([decision(number) for number in range(3)])
        state = stream.state
        with pytest.raises(StoreError, match="no state comes with"):
            writer.take(sent, [])
        with pytest.raises(StoreError, match="two states"):
            writer.take(sent, [state, state])
        with pytest.raises(StoreError, match="without a gap"):
            writer.take([sent[0], sent[2]], [state])
        with pytest.raises(StoreError, match="another chain value"):
            writer.take(sent, [StreamState(key(), 3, bytes(32), state.tree)])
        with pytest.raises(StoreError, match="does not fit itself"):
            writer.take(sent, [StreamState(key(), 3, state.chain, merkle.EMPTY)])
        odd = Stream(key(retention="eternal"))
        with pytest.raises(StoreError, match="short, medium, long"):
            writer.take(odd.add([decision(0)]), [odd.state])
        assert reader.streams() == []

    def test_nothing_follows_a_closed_stream(self, writer: Writer) -> None:
        stream = fill(writer, key(), [decision(0)])
        writer.take([], [stream.close()])
        more = Stream(key(), _open(stream.state))
        records = more.add([decision(1)])
        with pytest.raises(WatermarkError, match="is closed at 1"):
            writer.take(records, [more.state])
        assert writer.state(key()) == stream.state

    def test_a_closed_stream_is_told_until_a_checkpoint_closes_it(self, writer: Writer) -> None:
        stream = fill(writer, key(), [decision(0)])
        other = fill(writer, key(boot="00000000000000b2"), [decision(1)])
        writer.take([], [stream.close()])
        assert writer.states("n1") == {s.state.key: s.state for s in (stream, other)}
        writer.add_checkpoint("n1", 1, checkpoint("n1", 1, [stream.state, other.state]))
        assert writer.states("n1") == {other.state.key: other.state}
        assert writer.state(key()) == stream.state
        assert writer.states("n2") == {}

    def test_unreadable_bytes_are_kept_as_evidence(self, writer: Writer, reader: Reader) -> None:
        fill(writer, key(), [b"\xff\xff\xff", decision(1)])
        found = list(reader.records(key()))
        assert found[0].body == b"\xff\xff\xff"
        assert found[0].columns["kind"] == "unreadable"
        assert columns.altered(found[0].columns, found[0].body) == []

    def test_texts_that_no_index_takes_are_kept(self, writer: Writer, reader: Reader) -> None:
        long = "".join(chr(random.Random(7).randrange(0x4E00, 0x9FFF)) for _ in range(9_000))
        body = decision(0, subject=f"a\0b{long}")
        fill(writer, key(), [body])
        found = reader.find("d0")
        assert found is not None
        assert found.body == body
        assert found.columns["subject_id"].startswith("a\ufffdb")
        assert columns.altered(found.columns, found.body) == []

    def test_two_nodes_write_at_once(self, url: str, reader: Reader) -> None:
        start = threading.Barrier(4)

        def run(node: str) -> Stream:
            writer = open_writer(url)
            stream = Stream(key(node))
            start.wait()
            for batch in range(20):
                records = stream.add([decision(batch * 50 + number, name=node) for number in range(50)])
                writer.take(records, [stream.state])
            writer.close()
            return stream

        nodes = ["n1", "n2", "n3", "n4"]
        with ThreadPoolExecutor(4) as threads:
            streams = list(threads.map(run, nodes))
        assert reader.streams() == [stream.state for stream in streams]
        assert reader.count(None, exact=True) == (4_000, True)
        assert reader.count(None, exact=False) == (4_000, True)
        for stream in streams:
            assert [record.sequence for record in reader.records(stream.state.key)] == list(range(1_000))

    def test_one_of_two_that_ship_the_same_is_refused(self, url: str, reader: Reader) -> None:
        start = threading.Barrier(2)
        stream = Stream(key())
        records = stream.add([decision(number) for number in range(500)])

        def run(_: int) -> bool:
            writer = open_writer(url)
            start.wait()
            try:
                writer.take(records, [stream.state])
            except WatermarkError:
                return False
            else:
                return True
            finally:
                writer.close()

        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(run, range(2))) == [False, True]
        assert [record.sequence for record in reader.records(key())] == list(range(500))

    # Asking

    def test_pages_have_all_records_once_in_order(self, writer: Writer, reader: Reader) -> None:
        rng = random.Random(1)
        for node, boot, retention, day in itertools.product(
            ("n1", "n2"), (BOOT, "00000000000000b2"), ("short", "long"), (DAY, DAY + 1)
        ):
            # Many share a time, and some are of another day than their stream.
            times = [DAY * DAY_NANOS + rng.choice((0, 1, 2, DAY_NANOS, -DAY_NANOS)) for _ in range(9)]
            bodies = [decision(n, time=at, name=f"{node}{boot}{retention}{day}.") for n, at in enumerate(times)]
            fill(writer, StreamKey(node, boot, retention, day), bodies)
        expected = sorted((r for s in reader.streams() for r in reader.records(s.key)), key=lambda record: record.place)
        assert len(expected) == 144
        for limit in (1, 7, 144, 1_000):
            assert pages(reader, oldest_first=True, limit=limit) == expected
            assert pages(reader, oldest_first=False, limit=limit) == expected[::-1]

    def test_pages_while_records_come_in(self, writer: Writer, reader: Reader) -> None:
        stream = fill(writer, key(), [decision(number) for number in range(100)])
        found: list[StoredRecord] = []
        for number in itertools.count(100):
            after = found[-1].place if found else None
            page = reader.select(None, after=after, oldest_first=False, limit=9)
            if not page:
                break
            found += page
            # Into this day, and into a new one.
            writer.take(stream.add([decision(number)]), [stream.state])
            fill(writer, key(day=DAY + number), [decision(number, name="e", day=DAY + number)])
        assert ids(found) == [f"d{number}" for number in reversed(range(100))]

    def test_conditions_on_columns(self, writer: Writer, reader: Reader) -> None:
        for day in (DAY, DAY + 1):
            bodies = [decision(n, subject=f"T{n % 3}", severity=n % 4, day=day, name=f"{day}.") for n in range(40)]
            fill(writer, key(day=day), bodies)
        everything = pages(reader, oldest_first=True)
        for name, operator, value in (
            ("subject_id", "=", "T2"),
            ("severity", ">=", 2),
            ("time", "<", DAY * DAY_NANOS + 30_000),
            ("kind", "=", "decision"),
            ("caller", "<>", "teller-app"),
            ("resource_key", "=", "07" * 16),
        ):
            where = self.condition(name, operator, value)
            expected = [
                record
                for record in everything
                if {
                    "=": record.columns[name] == value,
                    "<>": record.columns[name] != value,
                    "<": operator == "<" and record.columns[name] < value,
                    ">=": operator == ">=" and record.columns[name] >= value,
                }[operator]
            ]
            assert pages(reader, where, oldest_first=True) == expected
            assert pages(reader, where) == expected[::-1]
            assert reader.count(where, exact=True) == (len(expected), True)
            assert reader.count(where, exact=False) == (len(expected), True)

    @pytest.mark.parametrize("limit", [1, 7, 50])
    @pytest.mark.parametrize(
        "text",
        [
            'context.menu == "m1"',
            'context.menu == "m1" && unmasked("id_no")',
            f'(context.menu in ["m1", "m2"] || unmasked("id_no")) && time < timestamp("{format_timestamp(HALF)}")',
            'context.menu == "m1" && subject.id == "T1"',
            'unmasked("id_no") && !(context.menu == "m1")',
            'context.menu == "none"',
        ],
    )
    def test_pages_of_what_marks_tell(self, writer: Writer, reader: Reader, text: str, limit: int) -> None:
        for node, day in itertools.product(("n1", "n2"), (DAY, DAY + 1)):
            bodies = []
            for number in range(60):
                record = snapshot_pb2.Record.FromString(
                    decision(number // 3, subject=f"T{number % 2}", name=f"{node}{day}{number}.", day=day)
                )
                record.snapshot.facts.context["menu"].string_value = f"m{number % 4}"
                if number % 5 == 0:
                    record.snapshot.verdicts.add(fields=["id_no"], level="C2", effect=types_pb2.EFFECT_UNMASK)
                bodies.append(record.SerializeToString(deterministic=True))
            fill(writer, key(node, day=day), bodies)
        node_of_filter = compile_filter(text, Schema({"context.menu": AttributeType.STRING}), 0)
        assert node_of_filter is not None
        where, matches = query.where(reader, node_of_filter), predicate(node_of_filter)
        expected = [record for record in pages(reader, oldest_first=True, limit=500) if matches(record.columns)]
        assert bool(expected) is ("none" not in text)
        assert pages(reader, where, oldest_first=True, limit=limit) == expected
        assert pages(reader, where, limit=limit) == expected[::-1]

    def test_a_great_count_is_estimated(self, writer: Writer, reader: Reader) -> None:
        stream = Stream(key())
        for batch in range(3):
            records = stream.add([decision(batch * 5_000 + number) for number in range(5_000)])
            writer.take(records, [stream.state])
        where = self.condition("kind", "=", "decision")
        assert reader.count(where, exact=True) == (15_000, True)
        number, exact = reader.count(where, exact=False)
        assert not exact
        assert number == -1 or number > 10_000

    def test_finding_by_id(self, writer: Writer, reader: Reader) -> None:
        fill(writer, key(), [decision(number) for number in range(10)])
        fill(writer, key(retention="long", day=DAY + 3), [decision(number) for number in range(10, 20)])
        for number in (0, 9, 10, 19):
            found = reader.find(f"d{number}")
            assert found is not None
            assert found.columns["id"] == f"d{number}"
        assert reader.find("d20") is None
        assert reader.find("' OR true --") is None

    def test_several_threads_ask_at_once(self, writer: Writer, reader: Reader) -> None:
        fill(writer, key(), [decision(number) for number in range(300)])
        expected = [f"d{number}" for number in range(300)]
        with ThreadPoolExecutor(8) as threads:
            for found in threads.map(lambda limit: ids(pages(reader, oldest_first=True, limit=limit)), range(20, 36)):
                assert found == expected

    # Checkpoints and bundles

    def test_checkpoints(self, writer: Writer, reader: Reader) -> None:
        made = [
            (node, number, checkpoint(node, number, [], time=number * 100))
            for node in ("n1", "n2")
            for number in range(1, 1_203)
        ]
        for place in made:
            writer.add_checkpoint(*place)
        assert writer.last_checkpoint("n1") == made[1_201][2]
        assert list(reader.checkpoints()) == made
        assert list(reader.checkpoints("n2")) == made[1_202:]
        assert list(reader.checkpoints("n2", since=120_150)) == made[-1:]
        assert list(reader.checkpoints("n3")) == []
        with pytest.raises(WatermarkError, match="there is a checkpoint 1202 of node `n1` already"):
            writer.add_checkpoint("n1", 1_202, made[1_201][2])
        with pytest.raises(StoreError, match="says that it is 5 of `n1`"):
            writer.add_checkpoint("n1", 1_203, made[4][2])
        with pytest.raises(StoreError, match="cannot be read"):
            writer.add_checkpoint("n1", 1_203, b"\xff")
        assert writer.last_checkpoint("n1") == made[1_201][2]

    def test_bundles_are_kept_once(self, writer: Writer, reader: Reader) -> None:
        writer.add_bundle("ab", 1, b"first")
        writer.add_bundle("ab", 1, b"second")
        assert reader.bundle("ab") == b"first"
        assert reader.bundle("cd") is None

    # Ending

    def test_dropping_a_partition(self, writer: Writer, reader: Reader, maintainer: Maintainer) -> None:
        ended = [fill(writer, key(boot=f"{n:016x}"), [decision(n * 10 + i) for i in range(5)]) for n in range(2)]
        kept = fill(writer, key(day=DAY + 1), [decision(number, name="k", day=DAY + 1) for number in range(5)])
        seal(writer, *ended)
        assert maintainer.parts() == [("short", DAY), ("short", DAY + 1)]
        assert maintainer.drop("short", DAY, by="auto", at_nanos=99) == 10
        assert maintainer.parts() == [("short", DAY + 1)]
        assert ids(pages(reader, oldest_first=True)) == [f"k{number}" for number in range(5)]
        assert reader.count(None, exact=False) == (5, True)
        assert reader.find("d0") is None
        assert list(reader.records(ended[0].state.key)) == []
        gone = maintainer.dropped()
        assert [(s.key, s.count, s.chain, s.tree, s.closed, s.dropped) for s in gone] == [
            (s.state.key, 5, s.state.chain, s.state.tree, True, True) for s in ended
        ]
        assert reader.streams() == [*gone, kept.state]
        assert len(list(reader.checkpoints())) == 1
        with pytest.raises(StoreError, match="there is no partition"):
            maintainer.drop("short", DAY)

    def test_records_that_come_for_a_dropped_day_are_taken_anew(
        self, writer: Writer, reader: Reader, maintainer: Maintainer
    ) -> None:
        first = fill(writer, key(), [decision(0)])
        seal(writer, first)
        maintainer.drop("short", DAY)
        late = Stream(key(boot="00000000000000c3"))
        records = late.add([decision(1)])
        try:
            writer.take(records, [late.state])
        except StoreError:  # the writer knew the partition; it looks again the next time
            writer.take(records, [late.state])
        assert ids(pages(reader)) == ["d1"]
        again = Stream(key())
        with pytest.raises(WatermarkError, match="is closed"):
            writer.take(again.add([decision(0)]), [again.state])
        seal(writer, late, number=2)
        assert maintainer.drop("short", DAY) == 1
        assert len(maintainer.dropped()) == 2

    def test_a_stream_that_no_checkpoint_closes_is_not_dropped(
        self, url: str, writer: Writer, reader: Reader, maintainer: Maintainer
    ) -> None:
        open_stream = fill(writer, key(), [decision(0)])
        with pytest.raises(StoreError, match="no checkpoint has closed stream `n1/"):
            maintainer.drop("short", DAY)
        writer.take([], [open_stream.close()])
        with pytest.raises(StoreError, match="no checkpoint has closed stream `n1/"):
            maintainer.drop("short", DAY)
        writer.add_checkpoint("n1", 1, checkpoint("n1", 1, [open_stream.state]))
        self.tamper(url, "UPDATE {streams} SET chain = body FROM {records} AS r")
        with pytest.raises(StoreError, match="checkpoint 1 does not fit stream"):
            maintainer.drop("short", DAY)
        assert reader.count(None, exact=True) == (1, True)
        assert maintainer.dropped() == []

    def test_a_hold_keeps_its_days(self, writer: Writer, reader: Reader, maintainer: Maintainer) -> None:
        seal(writer, fill(writer, key(), [decision(0)]))
        hold = Hold("case-7", DAY - 3, DAY, "lawsuit", "auditor1", 5)
        other = Hold("case-1", DAY + 1, DAY + 9, "audit", "auditor2", 6)
        maintainer.add_hold(hold)
        maintainer.add_hold(other)
        assert maintainer.holds() == [other, hold]
        with pytest.raises(StoreError, match="there is a hold `case-7` already"):
            maintainer.add_hold(hold)
        with pytest.raises(StoreError, match="under the hold `case-7`"):
            maintainer.drop("short", DAY)
        assert reader.count(None, exact=True) == (1, True)
        maintainer.remove_hold("case-7")
        with pytest.raises(StoreError, match="there is no hold `case-7`"):
            maintainer.remove_hold("case-7")
        assert maintainer.drop("short", DAY) == 1

    # Changes behind the system's back

    @pytest.mark.parametrize("statement", ["UPDATE {records} SET severity = 0", "DELETE FROM {records}"])
    def test_records_cannot_be_changed_by_mistake(self, url: str, writer: Writer, statement: str) -> None:
        fill(writer, key(), [decision(0)])
        with pytest.raises(Exception, match="records are never changed"):
            self.tamper(url, statement, guarded=True)

    def test_rows_outside_every_stream_are_counted(self, url: str, writer: Writer, reader: Reader) -> None:
        fill(writer, key(), [decision(0), decision(1)])
        assert reader.strays() == 0
        assert self.tamper(url, "UPDATE {records} SET position = position + (7 * 1099511627776)") == 2
        assert reader.strays() == 2


def _after(records: Sequence[SpooledRecord], count: int) -> StreamState:
    tree = merkle.extend(merkle.EMPTY, [record.chain for record in records[:count]])
    return StreamState(records[0].stream, count, records[count - 1].chain, tree)


def _open(state: StreamState) -> StreamState:
    return StreamState(state.key, state.count, state.chain, state.tree)
