"""What verification says of a store that somebody changed: every way of it, and nothing of one that nobody did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdp.errors import EvidenceError
from pdp.signing import TrustedKeys
from pdp.snapshot import chain
from pdp.snapshot.evidence import heads
from pdp.snapshot.evidence.checkpoint import DirectoryCopy
from pdp.snapshot.evidence.findings import Kind
from pdp.snapshot.evidence.verify import Progress, Report, verify
from pdp.snapshot.store.base import StoredRecord
from pdp.v1 import snapshot_pb2
from pdp.values import NANOS
from tests.unit.evidence import DAY, KEY, NOW, TRUSTED, Memory, Node, body, edited, relinked, renumbered, stream

Rows = list[StoredRecord]
ONE = stream()
DIGESTS = st.binary(min_size=32, max_size=32)


@pytest.fixture
def store() -> Memory:
    return Memory()


@pytest.fixture
def node(store: Memory, tmp_path: Path) -> Node:
    return Node(store, tmp_path / "keys", copies=[DirectoryCopy(_made(tmp_path / "copy"))])


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def filled(node: Node, *parts: int, closed: bool = True) -> Rows:
    """Write parts of so many records with a checkpoint after each, and return the rows."""
    for part, size in enumerate(parts):
        node.write(ONE, [body(f"d{part}-{index}", size=20) for index in range(size)])
        node.tick()
    if closed:
        node.close(ONE)
        node.tick()
    return node.store.rows[ONE]


def told(report: Report) -> list[tuple[str, int | None, str]]:
    return [(finding.kind.value, finding.sequence, finding.record_id) for finding in report.faults]


def kinds(report: Report) -> set[str]:
    return {finding.kind.value for finding in report.faults}


def test_a_whole_store_is_complete(store: Memory, node: Node, tmp_path: Path) -> None:
    filled(node, 3, 1, 1200, 7)
    other = stream(boot="00000000000000b2", retention="long")
    node.write(other, [body("e1"), body("e2")])
    node.tick()
    node.write(other, [body("e3")])
    report = verify(store, TRUSTED, [tmp_path / "copy"])
    assert report.is_complete
    assert (report.records, report.streams, report.checkpoints, report.unsigned) == (1214, 2, 6, 1)
    assert report.sentence.en == "complete, nothing changed: 1,214 records in 2 chains, 6 checkpoints"
    (finding,) = report.findings
    assert (finding.kind, finding.sequence, finding.is_fault) == (Kind.AFTER_CHECKPOINT, 2, False)


def test_an_empty_store_is_complete(store: Memory) -> None:
    assert verify(store, TRUSTED).is_complete


def test_sm3(store: Memory, tmp_path: Path) -> None:
    node = Node(store, tmp_path / "keys", algorithm="sm3")
    rows = filled(node, 5, 5)
    assert verify(store, TRUSTED).is_complete
    rows[4] = edited(rows[4], body=body("other"))
    assert told(verify(store, TRUSTED)) == [("altered", 4, "other")]


def test_sm3_before_the_first_checkpoint(store: Memory, tmp_path: Path) -> None:
    node = Node(store, tmp_path / "keys", algorithm="sm3")
    filled(node, 1)
    node.write(stream(retention="long"), [body("x"), body("y")])
    assert verify(store, TRUSTED).is_complete


# --- changed, without mending anything ---------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 4, 5, 6, 9, 10, 19])
def test_a_changed_record_is_named(store: Memory, node: Node, place: int) -> None:
    rows = filled(node, 5, 5, 10)
    rows[place] = edited(rows[place], body=body("forged"))
    assert told(verify(store, TRUSTED)) == [("altered", place, "forged")]


@pytest.mark.parametrize("place", [0, 4, 9, 18])
def test_a_changed_chain_value_is_named(store: Memory, node: Node, place: int) -> None:
    rows = filled(node, 5, 5, 10)
    rows[place] = rows[place]._replace(chain=bytes(32))
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.sequence) == (Kind.ALTERED, place)
    assert finding.sentence.en.endswith("its chain value")


@pytest.mark.parametrize("place", [0, 3, 4, 5, 9, 12, 18])
def test_a_record_changed_with_its_chain_value_is_named(store: Memory, node: Node, place: int) -> None:
    rows = filled(node, 5, 5, 10)
    before = rows[place - 1].chain if place else chain.genesis(ONE, "sha256")
    rows[place] = edited(rows[place], body=body("forged"), chain=chain.link(before, place, body("forged")))
    assert told(verify(store, TRUSTED)) == [("altered", place, "forged")]


def test_the_last_record_changed_with_its_chain_value(store: Memory, node: Node) -> None:
    rows = filled(node, 5, 5)
    rows[9] = edited(rows[9], body=body("forged"), chain=chain.link(rows[8].chain, 9, body("forged")))
    assert told(verify(store, TRUSTED)) == [("root_mismatch", 5, "")]


def test_several_changes_are_all_named(store: Memory, node: Node) -> None:
    rows = filled(node, 50, 50)
    for place in (3, 30, 31, 77):
        rows[place] = edited(rows[place], body=body(f"forged{place}"))
    assert told(verify(store, TRUSTED)) == [("altered", place, f"forged{place}") for place in (3, 30, 31, 77)]


def test_adjacent_changes_with_a_chain_value(store: Memory, node: Node) -> None:
    rows = filled(node, 10)
    rows[3] = edited(rows[3], body=body("forged"), chain=bytes(32))
    assert told(verify(store, TRUSTED)) == [("altered", 3, "forged")]


@pytest.mark.parametrize("place", [0, 4, 5, 18])
def test_a_missing_record_is_named(store: Memory, node: Node, place: int) -> None:
    rows = filled(node, 5, 5, 10)
    del rows[place]
    assert told(verify(store, TRUSTED)) == [("missing", place, "")]


@pytest.mark.parametrize("count", [1, 4])
def test_missing_records_at_the_end_are_named(store: Memory, node: Node, count: int) -> None:
    rows = filled(node, 5, 5)
    del rows[-count:]
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.sequence, finding.last) == (Kind.MISSING, 10 - count, 9)


def test_several_missing_records_are_named(store: Memory, node: Node) -> None:
    rows = filled(node, 5, 5, 10)
    rows[:] = [row for row in rows if row.sequence not in (2, 3, 4, 12)]
    findings = verify(store, TRUSTED).faults
    assert [(f.kind, f.sequence, f.last) for f in findings] == [(Kind.MISSING, 2, 4), (Kind.MISSING, 12, 12)]


@pytest.mark.parametrize(("one", "other"), [(2, 3), (2, 9), (0, 19), (4, 5)])
@pytest.mark.parametrize("whole", [False, True])
def test_exchanged_records_are_named(store: Memory, node: Node, one: int, other: int, whole: bool) -> None:
    rows = filled(node, 5, 5, 10)
    first, second = rows[one], rows[other]
    if whole:
        rows[one], rows[other] = second._replace(sequence=one), first._replace(sequence=other)
    else:
        rows[one] = edited(first, body=second.body)
        rows[other] = edited(second, body=first.body)
    findings = verify(store, TRUSTED).faults
    assert [(f.kind, f.sequence) for f in findings] == [(Kind.REORDERED, one), (Kind.REORDERED, other)]
    assert f"exchanged with {other}" in findings[0].sentence.en


# --- with the numbers mended -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 4, 5, 17, 18])
@pytest.mark.parametrize("count", [1, 2])
def test_missing_records_are_named_when_the_rest_was_renumbered(
    store: Memory, node: Node, place: int, count: int
) -> None:
    rows = filled(node, 5, 5, 12)
    del rows[place : place + count]
    rows[:] = renumbered(rows)
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.sequence, finding.last) == (Kind.MISSING, place, place + count - 1)


@pytest.mark.parametrize("place", [0, 1, 4, 5, 18])
@pytest.mark.parametrize("fitting", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_added_records_are_named(store: Memory, node: Node, place: int, fitting: bool, count: int) -> None:
    rows = filled(node, 5, 5, 10)
    previous = rows[place - 1].chain if place else chain.genesis(ONE, "sha256")
    forged = []
    for index in range(count):
        previous = chain.link(previous, place + index, body(f"f{index}")) if fitting else bytes([index]) * 32
        forged.append(edited(rows[0], body=body(f"f{index}"), chain=previous))
    rows[place:place] = forged
    rows[:] = renumbered(rows)
    assert told(verify(store, TRUSTED)) == [("added", place + index, f"f{index}") for index in range(count)]


def test_records_added_at_the_end_of_a_closed_stream(store: Memory, node: Node) -> None:
    rows = filled(node, 5)
    forged = chain.link(rows[4].chain, 5, body("f"))
    rows.append(edited(rows[4], sequence=5, body=body("f"), chain=forged))
    assert told(verify(store, TRUSTED)) == [("added", 5, "")]


def test_records_added_at_the_end_of_an_open_stream(store: Memory, node: Node) -> None:
    rows = filled(node, 5, closed=False)
    forged = chain.link(rows[4].chain, 5, body("f"))
    rows.append(edited(rows[4], sequence=5, body=body("f"), chain=forged))
    assert told(verify(store, TRUSTED)) == [("added", 5, "")]


@pytest.mark.parametrize(("origin", "target"), [(3, 12), (12, 3)])
def test_a_record_moved_with_the_rest_renumbered(store: Memory, node: Node, origin: int, target: int) -> None:
    rows = filled(node, 5, 5, 10)
    moved = rows.pop(origin)
    rows.insert(target, moved)
    rows[:] = renumbered(rows)
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.sequence, finding.record_id) == (Kind.REORDERED, target, moved.columns["id"])


# --- with the whole chain worked out anew ------------------------------------------------------------------------


def _change(rows: Rows) -> Rows:
    return [*rows[:7], edited(rows[7], body=body("forged")), *rows[8:]]


def _delete(rows: Rows) -> Rows:
    return [*rows[:7], *rows[8:]]


def _insert(rows: Rows) -> Rows:
    return [*rows[:7], edited(rows[0], body=body("forged")), *rows[7:]]


def _swap(rows: Rows) -> Rows:
    return [*rows[:7], rows[8], rows[7], *rows[9:]]


MENDED = [
    (_change, [("root_mismatch", 5)]),
    (_delete, [("root_mismatch", 5), ("missing", 19)]),
    (_insert, [("root_mismatch", 5), ("added", 20)]),
    (_swap, [("root_mismatch", 5)]),
]


@pytest.mark.parametrize(("act", "found"), MENDED)
def test_a_chain_worked_out_anew_does_not_fit_its_root(
    store: Memory, node: Node, act: Callable[[Rows], Rows], found: list[tuple[str, int]]
) -> None:
    rows = filled(node, 5, 5, 10)
    rows[:] = relinked(act(rows))
    store.held[ONE] = replace(store.held[ONE], count=len(rows), chain=rows[-1].chain)
    report = verify(store, TRUSTED)
    assert [(finding.kind.value, finding.sequence) for finding in report.faults] == found
    first = report.faults[0]
    assert (first.last, first.checkpoint) == (9, 2)


@pytest.mark.parametrize(("act", "found"), MENDED)
def test_checkpoints_deleted_too(
    store: Memory, node: Node, act: Callable[[Rows], Rows], found: list[tuple[str, int]]
) -> None:
    rows = filled(node, 5, 5, 10)
    rows[:] = relinked(act(rows))
    del store.signed["n1", 2]
    findings = verify(store, TRUSTED).faults
    assert (findings[0].kind, findings[0].checkpoint) == (Kind.CHECKPOINT_MISSING, 2)
    assert {kind for kind, _ in found} & {finding.kind.value for finding in findings}


def _resign(store: Memory, number: int, key: object, change: Callable[[snapshot_pb2.Checkpoint], None]) -> None:
    signed = snapshot_pb2.SignedCheckpoint.FromString(store.signed["n1", number])
    message = snapshot_pb2.Checkpoint.FromString(signed.checkpoint)
    change(message)
    signed.checkpoint = message.SerializeToString(deterministic=True)
    if key is not None:
        signed.signature = key.sign(signed.checkpoint)  # type: ignore[attr-defined]
        signed.key_id = key.id  # type: ignore[attr-defined]
    store.signed["n1", number] = signed.SerializeToString(deterministic=True)


def _less(message: snapshot_pb2.Checkpoint) -> None:
    message.heads[0].count = 1


def test_a_checkpoint_changed_without_the_key(store: Memory, node: Node) -> None:
    filled(node, 5, 5, 10)
    _resign(store, 2, None, _less)
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.checkpoint) == (Kind.CHECKPOINT_BAD_SIGNATURE, 2)


def test_a_checkpoint_signed_with_another_key(store: Memory, node: Node, tmp_path: Path) -> None:
    from pdp.signing import NodeKey

    other = NodeKey.load_or_create(tmp_path / "other")
    filled(node, 5, 5, 10)
    _resign(store, 2, other, lambda _: None)
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.checkpoint) == (Kind.CHECKPOINT_UNKNOWN_KEY, 2)
    both = TrustedKeys.of(KEY, other)
    assert [(f.kind, f.checkpoint) for f in verify(store, both).faults] == [(Kind.CHECKPOINT_ALTERED, 3)]


def test_a_checkpoint_replaced_by_one_with_the_key_shows_in_the_copy(store: Memory, node: Node, tmp_path: Path) -> None:
    rows = filled(node, 5, 5, 10, closed=False)
    rows[:] = relinked(_change(rows))
    _resign(store, 3, KEY, _forget)
    assert not verify(store, TRUSTED, [tmp_path / "copy"]).is_complete
    findings = verify(store, TRUSTED, [tmp_path / "copy"]).faults
    assert (Kind.CHECKPOINT_ALTERED, 3) in {(finding.kind, finding.checkpoint) for finding in findings}


def _forget(message: snapshot_pb2.Checkpoint) -> None:
    del message.heads[:]


def test_a_checkpoint_that_is_no_message(store: Memory, node: Node) -> None:
    filled(node, 5, 5)
    store.signed["n1", 1] = b"\xff\xff"
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.checkpoint) == (Kind.CHECKPOINT_ALTERED, 1)


def test_exchanged_checkpoints(store: Memory, node: Node) -> None:
    filled(node, 5, 5, 10)
    one, two = ("n1", 1), ("n1", 2)
    store.signed[one], store.signed[two] = store.signed[two], store.signed[one]
    findings = verify(store, TRUSTED).faults
    assert [(f.kind, f.checkpoint) for f in findings] == [(Kind.CHECKPOINT_ALTERED, 1), (Kind.CHECKPOINT_ALTERED, 2)]


# --- cut off at the end ------------------------------------------------------------------------------------------


def test_only_the_copies_show_a_store_cut_off_at_the_end(store: Memory, node: Node, tmp_path: Path) -> None:
    filled(node, 5, closed=False)
    before, rows = store.held[ONE], list(store.rows[ONE])
    filled(node, 5, closed=False)
    store.held[ONE], store.rows[ONE] = before, rows
    del store.signed["n1", 2]
    assert verify(store, TRUSTED).is_complete
    report = verify(store, TRUSTED, [tmp_path / "copy"])
    assert [(f.kind, f.checkpoint, f.sequence) for f in report.faults] == [
        (Kind.CHECKPOINT_MISSING, 2, None), (Kind.MISSING, None, 5),
    ]  # fmt: skip


def test_everything_of_a_node_deleted_shows_in_the_copy(store: Memory, node: Node, tmp_path: Path) -> None:
    filled(node, 5)
    report = verify(Memory(), TRUSTED, [tmp_path / "copy"])
    assert [finding.kind for finding in report.faults] == [Kind.CHECKPOINT_MISSING, Kind.STREAM_MISSING]


def test_a_store_without_any_checkpoint_is_not_complete(store: Memory, node: Node) -> None:
    filled(node, 5)
    store.signed.clear()
    assert [finding.kind for finding in verify(store, TRUSTED).faults] == [Kind.CHECKPOINT_MISSING]


def test_a_copy_with_gaps_and_torn_lines_is_good_enough(store: Memory, node: Node, tmp_path: Path) -> None:
    filled(node, 5, 5, 5)
    file = tmp_path / "copy" / "checkpoints-n1.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[1][:40] + "\n" + lines[3] + lines[2][:20])
    assert verify(store, TRUSTED, [tmp_path / "copy"]).is_complete
    file.write_text("x\n")
    with pytest.raises(EvidenceError, match="holds no checkpoint that can be read"):
        verify(store, TRUSTED, [tmp_path / "copy"])


def test_a_forged_copy_proves_nothing(store: Memory, node: Node, tmp_path: Path) -> None:
    filled(node, 5, closed=False)
    other = Memory()
    _forge = Node(other, tmp_path / "other", copies=[DirectoryCopy(_made(tmp_path / "forged"))])
    filled(_forge, 9, closed=False)
    findings = verify(store, TrustedKeys({}), [tmp_path / "forged"]).faults
    assert Kind.MISSING not in {finding.kind for finding in findings}


# --- streams and columns -----------------------------------------------------------------------------------------


def test_a_missing_stream_is_named(store: Memory, node: Node) -> None:
    filled(node, 5)
    del store.held[ONE]
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.stream) == (Kind.STREAM_MISSING, ONE)


def test_a_stream_under_another_name_is_named(store: Memory, node: Node) -> None:
    filled(node, 5)
    other = stream(retention="long")
    store.held[other] = replace(store.held.pop(ONE), key=other)
    store.rows[other] = [row._replace(stream=other) for row in store.rows.pop(ONE)]
    found = {(finding.kind, finding.stream, finding.sequence) for finding in verify(store, TRUSTED).faults}
    assert found == {(Kind.STREAM_MISSING, ONE, None), (Kind.ALTERED, other, 0)}


def test_records_of_another_node_do_not_pass(store: Memory, node: Node, tmp_path: Path) -> None:
    filled(node, 5)
    other = Node(store, tmp_path / "other", name="n2")
    other.write(stream(node="n2"), [body("x")])
    assert [(f.kind, f.node) for f in verify(store, TRUSTED).faults] == [(Kind.CHECKPOINT_MISSING, "n2")]


def test_of_very_many_checkpoints_some_are_left_out(store: Memory, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MOST_HEADS", 16)
    rows = filled(node, *([1] * 50))
    assert verify(store, TRUSTED).is_complete
    rows[33] = edited(rows[33], body=body("forged"))
    assert told(verify(store, TRUSTED)) == [("altered", 33, "forged")]
    rows[:] = relinked(rows)
    (finding,) = verify(store, TRUSTED).faults
    assert finding.kind is Kind.ROOT_MISMATCH
    assert finding.sequence is not None
    assert finding.last is not None
    assert finding.sequence <= 33 <= finding.last <= finding.sequence + 8


def test_an_added_stream_is_named(store: Memory, node: Node, tmp_path: Path) -> None:
    node.write(ONE, [body("a")])
    node.time = NOW + 5 * 86_400 * NANOS
    node.tick()
    old = stream(boot="00000000000000bf", day=DAY)
    node.write(old, [body("b")])
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.stream) == (Kind.STREAM_ADDED, old)


def test_rows_of_no_stream(store: Memory, node: Node) -> None:
    filled(node, 5)
    store.strays = lambda: 3  # type: ignore[attr-defined]
    (finding,) = verify(store, TRUSTED).faults
    assert finding.kind is Kind.ADDED
    assert "3 records belong to no chain" in finding.sentence.en


def test_a_changed_column_is_named(store: Memory, node: Node) -> None:
    rows = filled(node, 5, 5)
    rows[6] = rows[6]._replace(columns={**rows[6].columns, "caller": "other", "severity": 3})
    (finding,) = verify(store, TRUSTED).faults
    assert (finding.kind, finding.sequence, finding.record_id) == (Kind.COLUMN_ALTERED, 6, "d1-1")
    assert finding.sentence.en.endswith("severity, caller")
    assert verify(store, TRUSTED, deep=False).is_complete


def test_json_written_in_another_way_is_the_same(store: Memory, node: Node) -> None:
    rows = filled(node, 2)
    rows[1] = rows[1]._replace(columns={**rows[1].columns, "facts": " " + rows[1].columns["facts"]})
    assert verify(store, TRUSTED).is_complete


def test_dropped_records_are_checked_by_their_last_head(store: Memory, node: Node) -> None:
    filled(node, 5, 5)
    store.held[ONE] = replace(store.held[ONE], dropped=True)
    store.rows.clear()
    report = verify(store, TRUSTED)
    assert report.is_complete
    assert (report.dropped_streams, report.dropped) == (1, 10)
    store.held[ONE] = replace(store.held[ONE], count=9)
    assert kinds(verify(store, TRUSTED)) == {"root_mismatch"}


def test_open_records_cannot_pass_for_dropped(store: Memory, node: Node) -> None:
    filled(node, 5, closed=False)
    store.held[ONE] = replace(store.held[ONE], dropped=True)
    store.rows.clear()
    assert kinds(verify(store, TRUSTED)) == {"root_mismatch"}


def test_the_stores_own_tree_is_checked(store: Memory, node: Node) -> None:
    filled(node, 5)
    state = store.held[ONE]
    store.held[ONE] = replace(state, tree=state.tree._replace(peaks=(bytes(32), *state.tree.peaks[1:])))
    assert kinds(verify(store, TRUSTED)) == {"root_mismatch"}


# --- growing, stopping, telling ----------------------------------------------------------------------------------


def test_a_store_that_grows_meanwhile_is_complete(store: Memory, node: Node) -> None:
    filled(node, 5, closed=False)
    late = [body("late")]

    def told(progress: Progress) -> None:
        if progress.total_streams and late:
            node.write(ONE, [late.pop()])

    report = verify(store, TRUSTED, progress=told)
    assert report.is_complete
    assert report.unsigned == 1


def test_a_store_that_drops_meanwhile_is_complete(store: Memory, node: Node) -> None:
    filled(node, 5)

    def told(progress: Progress) -> None:
        if progress.total_streams:
            store.held[ONE] = replace(store.held[ONE], dropped=True)
            store.rows.clear()

    report = verify(store, TRUSTED, progress=told)
    assert report.is_complete
    assert report.dropped == 5


def test_it_can_be_stopped(store: Memory, node: Node) -> None:
    filled(node, 3000)
    seen: list[Progress] = []
    report = verify(store, TRUSTED, progress=seen.append, cancelled=lambda: bool(seen and seen[-1].records))
    assert report.cancelled
    assert not report.is_complete
    assert report.records == 1000
    assert report.sentence.en.startswith("not finished")


def test_very_many_faults_are_counted(store: Memory, node: Node) -> None:
    rows = filled(node, 500)
    for place in range(0, 500, 2):
        rows[place] = edited(rows[place], body=body("forged"))
    report = verify(store, TRUSTED)
    assert [f.sequence for f in report.faults] == [*range(0, 100, 2), None]
    assert "200 more places" in report.faults[-1].sentence.en


def test_sentences_in_both_languages(store: Memory, node: Node) -> None:
    rows = filled(node, 5)
    rows[2] = edited(rows[2], body=body("forged"))
    report = verify(store, TRUSTED)
    name = "00000000000000b1/short/20000"
    assert report.faults[0].sentence.en == f"node n1, chain {name}, record 2 (forged): changed after it was recorded"
    assert report.faults[0].sentence.zh == f"节点 n1，链 {name}，记录 2（forged）：被修改过"
    assert report.plain()["findings"][0]["kind"] == "altered"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_goes_unseen(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Memory()
    node = Node(store, tmp_path_factory.mktemp("keys"))
    rows = filled(node, *data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    before = list(rows)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, max(0, len(rows) - 1)))
        match data.draw(st.sampled_from(["change", "delete", "insert", "swap", "chain"])):
            case "change" if rows:
                rows[place] = edited(rows[place], body=body(f"forged{data.draw(st.integers(0, 9))}"))
            case "delete" if rows:
                del rows[place]
            case "insert":
                rows.insert(place, edited(before[0], body=body("added"), chain=data.draw(DIGESTS)))
            case "swap" if rows:
                other = data.draw(st.integers(0, len(rows) - 1))
                rows[place], rows[other] = rows[other], rows[place]
            case "chain" if rows:
                rows[place] = rows[place]._replace(chain=data.draw(DIGESTS))
            case _:
                pass
    mended = data.draw(st.sampled_from(["none", "numbers", "chain"]))
    if rows and mended != "none":
        rows[:] = renumbered(rows) if mended == "numbers" else relinked(rows)
    report = verify(store, TRUSTED)
    unchanged = [row[1:] for row in sorted(rows, key=lambda row: row.sequence)] == [row[1:] for row in before]
    assert report.is_complete == unchanged
    faults = [finding.sequence for finding in report.faults if finding.sequence is not None]
    if mended == "none" and len({row.sequence for row in rows}) == len(rows):
        # The first finding is the first place where anything differs, or next to it.
        held = {row.sequence: row[2:4] for row in rows}
        first = next((row.sequence for row in before if held.get(row.sequence) != row[2:4]), len(before))
        assert unchanged or abs(min(faults) - first) <= 1
