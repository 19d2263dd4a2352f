"""What the snapshots' screen knows without a window: filters, proofs, stories."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from admin_gui.domain.failure import Failure
from admin_gui.domain.form import value_of
from admin_gui.domain.say import Say, plain
from admin_gui.domain.snapshot_filter import complete, quoted, with_clause
from admin_gui.domain.snapshot_keys import KeysError, NodeKeys, read_keys
from admin_gui.domain.snapshot_proof import Shown, root_of, verify
from admin_gui.domain.snapshot_question import Mistake, Question, mistake, of_ids
from admin_gui.domain.snapshot_rows import KINDS, NANOS, Part, clauses, row_of, stamp
from admin_gui.domain.snapshot_scenario import inside_of, scenario_of
from admin_gui.domain.snapshot_story import story_of
from admin_gui.domain.snapshot_words import vocabulary
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2, snapshot_service_pb2, types_pb2
from pdp.snapshot import columns
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence.proof import prove
from pdp.snapshot.filter import Schema, compile_filter, predicate
from pdp.values import AttributeType
from tests.gui.snapshot_service import entry
from tests.unit.evidence import KEY, Memory, Node, body, stream

T = types_pb2.Value
WORDS = vocabulary(
    bundle_pb2.Bundle(
        attributes=[
            bundle_pb2.AttributeDefinition(
                name="context.menu", label=types_pb2.LocalizedText(zh="菜单", en="menu"),
                allowed_values=[
                    bundle_pb2.AllowedValue(
                        value=T(string_value="1201"), label=types_pb2.LocalizedText(zh="客户查询", en="enquiry")
                    )
                ],
            ),
            bundle_pb2.AttributeDefinition(
                name="subject.level", label=types_pb2.LocalizedText(zh="柜员级别", en="teller level"),
                allowed_values=[bundle_pb2.AllowedValue(value=T(int_value=level)) for level in (1, 2)],
            ),
        ],
        fields=[
            bundle_pb2.FieldDefinition(id="id_no", label=types_pb2.LocalizedText(zh="证件号码", en="identity number"))
        ],
        policies=[bundle_pb2.Policy(id="core", rules=[bundle_pb2.Rule(id="senior")])],
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "start", "first"),
    [
        ("", 0, "id"),
        ("men", 0, "context.menu"),
        ("菜", 0, "context.menu"),
        ("flagged && unm", 11, 'unmasked("")'),
        ('unmasked("证', 9, '"id_no"'),
        ("unmasked(", 9, '"id_no"'),
        ('rule("se', 5, '"core/senior"'),
        ("context.menu ", 13, "== "),
        ("context.menu == ", 16, '"1201"'),
        ('context.menu in ["1201", "', 25, '"1201"'),
        ('context.menu.startsWith("1', 24, '"1201"'),
        ("severity >= ", 12, "NONE"),
        ("severity >= H", 12, "HIGH"),
        ("subject.level == ", 17, "1"),
        ("time > ", 7, 'now - duration("24h")'),
        ("flagged ", 8, "&& "),
        ('recorded("sub', 9, '"subject.id"'),
        ('subject.id == "T1" ', 19, "&& "),
        ("!(", 2, "id"),
    ],
)
def test_what_may_come_next(text: str, start: int, first: str) -> None:
    found = complete(text, len(text), WORDS)
    assert found.start == start

    assert found.items[0].text == first


def test_what_is_offered_is_a_filter_that_the_service_takes() -> None:
    schema = Schema({"context.menu": AttributeType.STRING, "subject.level": AttributeType.INT})
    for text in ("unmasked(", "severity >= ", "context.menu == ", "subject.level == "):
        for one in complete(text, len(text), WORDS).items:
            closed = ")" if text.endswith("(") else ""
            assert compile_filter(f"{text}{one.text}{closed}", schema, 0) is not None


def test_clauses_are_added_once_and_count_for_all_of_what_was_written() -> None:
    assert with_clause("", "flagged") == "flagged"
    assert with_clause("a == 1", "flagged") == "a == 1 && flagged"
    assert with_clause("flagged && a == 1", "flagged") == "flagged && a == 1"
    assert with_clause("a == 1 || b == 2", "flagged") == "(a == 1 || b == 2) && flagged"
    assert with_clause('id == "||"', "flagged") == 'id == "||" && flagged'
    assert with_clause("flagged // all of them", 'id == "x"') == 'id == "x" && flagged // all of them'


PARTS: tuple[Part, ...] = ("time", "severity", "who", "what", "whom", "menu", "fields", "id")


def test_only_these_and_without_these_part_all_records() -> None:
    schema = Schema({"context.menu": AttributeType.STRING})
    records = [entry(other) for other in range(12)]
    operation = snapshot_pb2.Operation(id="o1", kind="snapshot.export", actor="eve", success=True, time_nanos=1)
    records.append(snapshot_service_pb2.SnapshotEntry(record=snapshot_pb2.Record(operation=operation)))
    held = [(row_of(record).id, _stored(record)) for record in records]
    for number, part in itertools.product((0, 3, 5, 12), PARTS):
        row = row_of(records[number])
        for _, only, without in clauses(row, part):
            tests = [predicate(compile_filter(clause, schema, 0)) for clause in (only, without)]
            for record_id, stored in held:
                found = [test(stored) for test in tests]
                assert found in ([True, False], [False, True]), (only, without)
                assert found[0] or record_id != row.id, only


def _stored(record: snapshot_service_pb2.SnapshotEntry) -> dict[str, object]:
    return columns.extract(record.record.SerializeToString())


def test_operations_have_clauses_of_their_own() -> None:
    operation = snapshot_pb2.Operation(id='o"1', kind="snapshot.export", actor="eve", success=False)
    row = row_of(snapshot_service_pb2.SnapshotEntry(record=snapshot_pb2.Record(operation=operation)))
    assert clauses(row, "what")[0][1] == 'kind == "snapshot.export"'
    assert clauses(row, "id")[0][1] == 'id == "o\\"1"'
    assert clauses(row, "severity") == []


def test_a_wrong_filter_is_shown_where_it_was_written() -> None:
    told = {"column": "6", "problem": "p", "hint": "did you mean `h`"}
    failure = Failure("INVALID_ARGUMENT", "x", "INVALID_FILTER", told)
    wrong = (plain("p"), Say("是否想写 `h`", "did you mean `h`"))
    assert mistake(failure, Question("flag wrong")) == Mistake(5, *wrong)
    assert mistake(failure, Question("flag wrong", "decisions")) == Mistake(4, *wrong)
    assert mistake(failure, Question("ab")) == Mistake(2, *wrong)
    assert mistake(Failure("INTERNAL"), Question("x")) is None
    assert Question("a // b", "decisions").text == '(a // b\n) && kind == "decision"'
    until = 1_700_000_000 * NANOS + 5
    assert stamp(until).endswith("0.000000005" + stamp(until)[-6:])
    assert Question("", "all", until).text == f'time <= timestamp("{stamp(until)}")'


def test_a_selection_is_a_filter_as_long_as_one_may_be() -> None:
    assert of_ids(["a", 'b"']) == 'id in ["a", "b\\""]'
    assert of_ids(["x" * 32] * 200) is None
    assert quoted("a\nb") == '"a\\nb"'


@given(st.integers(1, 70), st.data())
def test_audit_paths_lead_to_the_root(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    values = [bytes([number]) * 32 for number in range(size)]
    path = merkle.audit_path(values, index, size)
    root = merkle.root(merkle.extend(merkle.EMPTY, values))
    leaf = merkle.leaf_hash(values[index])
    assert root_of(leaf, index, size, path) == root
    assert root_of(leaf, index, size, [*path, b"x" * 32]) is None or size == 1
    assert root_of(merkle.leaf_hash(b"other"), index, size, path) != root
    if path:
        assert root_of(leaf, index, size, path[1:]) != root


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> NodeKeys:
    folder = tmp_path_factory.mktemp("keys")
    pem = KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "node.pub").write_bytes(pem)
    return read_keys(folder)


@pytest.fixture(scope="module", params=["sha256", "sm3"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Memory:
    made = Memory()
    node = Node(made, tmp_path_factory.mktemp("node"), algorithm=request.param)
    for part in range(3):
        node.write(stream(), [body(f"d{part}-{index}") for index in range(5)])
        node.tick()
    return made


def proved(store: Memory, record_id: str) -> tuple[snapshot_pb2.InclusionProof, Shown]:
    """Return the proof as it comes over the wire, and the record as the screen shows it."""
    proof = snapshot_pb2.InclusionProof.FromString(prove(store, record_id).SerializeToString())
    record = snapshot_pb2.Record.FromString(proof.record.record)
    return proof, Shown(record, proof.record.stream, proof.record.sequence, proof.record.chain)


@pytest.mark.parametrize("record_id", ["d0-0", "d1-3", "d2-4"])
def test_a_record_is_proven_here(store: Memory, keys: NodeKeys, record_id: str) -> None:
    proof, shown = proved(store, record_id)
    found = verify(proof, shown, keys)
    assert found.outcome == "proven"
    assert (found.node, found.key_id, found.path_length) == ("n1", KEY.id, len(proof.path))
    assert found.checkpoint == int(record_id[1]) + 1
    assert found.root
    assert "2024" in found.meaning(lambda _: "2024").en
    assert verify(proof, shown, NodeKeys()).outcome == "unsigned"


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _record(proof: snapshot_pb2.InclusionProof) -> None:
    record = snapshot_pb2.Record.FromString(proof.record.record)
    record.snapshot.caller = "somebody else"
    proof.record.record = record.SerializeToString()


def _checkpoint(proof: snapshot_pb2.InclusionProof) -> None:
    checkpoint = snapshot_pb2.Checkpoint.FromString(proof.checkpoint.checkpoint)
    checkpoint.time_nanos += 1
    proof.checkpoint.checkpoint = checkpoint.SerializeToString()


def _root(proof: snapshot_pb2.InclusionProof) -> None:
    checkpoint = snapshot_pb2.Checkpoint.FromString(proof.checkpoint.checkpoint)
    checkpoint.heads[0].root = flip(checkpoint.heads[0].root)
    proof.checkpoint.checkpoint = checkpoint.SerializeToString()


CHANGES: tuple[tuple[Callable[[snapshot_pb2.InclusionProof], object], str], ...] = (
    (_record, "界面显示的记录就是证明中的记录"),
    (_record, "记录与其链值一致"),
    (_checkpoint, "检查点由受信任的节点密钥签名"),
    (_root, "审计路径通向检查点中的根"),
    (lambda p: p.path.__setitem__(0, flip(p.path[0])), "审计路径通向检查点中的根"),
    (lambda p: p.path.append(b"x" * 32), "审计路径通向检查点中的根"),
    (lambda p: setattr(p, "previous_chain", flip(p.previous_chain)), "记录与其链值一致"),
    (lambda p: setattr(p.record, "chain", flip(p.record.chain)), "记录与其链值一致"),
    (lambda p: setattr(p.checkpoint, "signature", flip(p.checkpoint.signature)), "检查点由受信任的节点密钥签名"),
)


def test_what_was_changed_is_named(store: Memory, keys: NodeKeys) -> None:
    for change, named in CHANGES:
        proof, shown = proved(store, "d1-3")
        change(proof)
        found = verify(proof, shown, keys)
        assert found.outcome == "broken", named
        assert named in [check.say.zh for check in found.checks if check.good is False]


def test_a_proof_of_another_record_proves_nothing(store: Memory, keys: NodeKeys) -> None:
    proof, _ = proved(store, "d1-3")
    _, shown = proved(store, "d1-2")
    assert verify(proof, shown, keys).outcome == "broken"
    _, same = proved(store, "d1-3")
    elsewhere = Shown(same.record, same.stream, same.sequence + 1, same.chain)
    assert verify(proof, elsewhere, keys).outcome == "other"
    proof.record.record = b"\xff"
    assert verify(proof, shown, keys).outcome == "broken"
    assert verify(snapshot_pb2.InclusionProof(), shown, keys).outcome == "broken"


def test_the_first_record_is_tied_to_the_name_of_its_chain(store: Memory, keys: NodeKeys) -> None:
    proof, shown = proved(store, "d0-0")
    proof.record.stream.boot = "0" * 16
    found = verify(proof, Shown(shown.record, proof.record.stream, 0, shown.chain), keys)
    failed = [check.say.en for check in found.checks if check.good is False]
    assert "the chain's first value fits its name" in failed
    assert "the checkpoint speaks of the record's chain" in failed


def test_keys_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="no public key in"):
        read_keys(tmp_path)
    wrong = tmp_path / "wrong.pub"
    wrong.write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    with pytest.raises(KeysError, match="damaged"):
        read_keys(wrong)
    with pytest.raises(KeysError, match="cannot read"):
        read_keys(tmp_path / "gone.pub")
    other = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    wrong.write_bytes(other * 2)
    assert len(read_keys(wrong).keys) == 1


@pytest.mark.parametrize(
    ("bucket", "value"),
    [
        (snapshot_pb2.Bucket(exactly=T(int_value=3)), 3),
        (snapshot_pb2.Bucket(above=T(int_value=3)), 4),
        (snapshot_pb2.Bucket(below=T(int_value=3)), 2),
        (snapshot_pb2.Bucket(above=T(double_value=1.0), below=T(double_value=2.0)), 1.5),
        (snapshot_pb2.Bucket(above=T(double_value=5.0)), 6.0),
        (snapshot_pb2.Bucket(), None),
    ],
)
def test_a_value_inside_a_bucket(bucket: snapshot_pb2.Bucket, value: float | None) -> None:
    found = inside_of(bucket)
    assert (None if found is None else value_of(found)) == value


def test_a_record_becomes_a_request_to_try() -> None:
    snapshot = entry(3).record.snapshot
    snapshot.buckets["resource.balance"].above.double_value = 5.0
    snapshot.grants.add(id="G1", kind="supervisor", approver="M1", approver_level=5)
    snapshot.verdicts[0].grant_id = "G1"
    made = scenario_of(snapshot)
    request = decision_service_pb2.DecideRequest.FromString(made.request)
    assert list(request.fields) == ["mobile"]
    assert list(request.grant_ids) == ["G1"]
    assert request.resource.attributes["balance"].double_value == 6.0
    assert made.now_nanos == snapshot.time_nanos
    grant = bundle_pb2.Grant.FromString(made.grants[0])
    assert (grant.subject_id, list(grant.fields), grant.approver) == ("T0003", ["mobile"], "M1")
    assert isinstance(made.title, Say)


def test_every_class_of_records_is_a_filter_that_the_service_takes() -> None:
    kinds = {"decision": {"all", "decisions"}, "snapshot.export": {"all", "operations"}}
    kinds |= {kind: {"all", "operations", "security"} for kind in ("session.failed", "grant.refused", "alarm.disk")}
    for kind, classes in kinds.items():
        body = snapshot_pb2.Record(operation=snapshot_pb2.Operation(id="o", kind=kind, actor="eve"))
        record = entry(1) if kind == "decision" else snapshot_service_pb2.SnapshotEntry(record=body)
        found = {
            name
            for name in KINDS
            if (node := compile_filter(Question("time > now || true", name).text, Schema(), 0)) is not None
            and predicate(node)(_stored(record))
        }
        assert found == classes, kind


def test_a_decision_is_told_with_who_allowed_it_and_what_was_kept() -> None:
    answer = snapshot_service_pb2.GetSnapshotResponse(entry=entry(3), checkpoint=4, chain=b"\x01" * 32)
    snapshot = answer.entry.record.snapshot
    snapshot.verdicts.add(fields=["id_no"], level="C3", effect=types_pb2.EFFECT_MASK, mask="full", undecided=True)
    snapshot.grants.add(id="G1", kind="customer", evidence="sign-1", expires_at_nanos=snapshot.time_nanos)
    snapshot.grants.add(id="G2", kind="supervisor", approver="M1", approver_level=5)
    snapshot.obligations.add(type="watermark", fields=["mobile"], rule="core/senior")
    snapshot.facts.context["menu"].string_value = "1201"
    snapshot.buckets["resource.balance"].above.double_value = 5.0
    snapshot.hashes["resource.account"] = b"h" * 16
    snapshot.withheld.append("context.secret")
    answer.insufficient.append("context.secret")
    rule = answer.rules.add(rule="core/senior", outcome=decision_service_pb2.RULE_OUTCOME_MATCHED, wins=["mobile"])
    rule.title.zh = "高级柜员"
    rule.clauses.add(expression="subject.level >= 3", outcome=decision_service_pb2.CLAUSE_OUTCOME_TRUE)
    told = story_of(answer, WORDS)
    assert told.sentence.zh == ("T0003 在菜单 1201  客户查询 对 customer #00000000 做“query”：1 个字段明文，1 个脱敏。")
    assert told.flag.zh == "高：展示了 C3 或字典外的明文"
    assert [(one.field, one.unmasked, one.reason.zh) for one in told.verdicts] == [
        ("mobile", True, "高级柜员"), ("id_no", False, "字典默认（条件无法判定，从严）"),
    ]  # fmt: skip
    assert told.verdicts[1].label.zh == "证件号码"
    assert [[fact.text.zh for fact in grant][:2] for grant in told.grants] == [
        ["G1  客户同意", "sign-1"], ["G2  主管授权", "M1（5 级）"],
    ]  # fmt: skip
    assert [duty.en for duty in told.obligations] == ["watermark: mobile (core/senior)"]
    facts = {fact.label.en: fact.text.zh for fact in told.facts}
    assert facts["resource.balance"] == "> 5.0（仅留存区间）"
    assert facts["resource.account"].endswith("（仅留存哈希）")
    assert facts["Not kept"] == "context.secret"
    assert "context.secret" in told.warnings[0].zh
    evidence = {fact.label.en: fact.text.en for fact in told.evidence}
    assert evidence["Checkpoint"] == "number 4"
    assert evidence["Place in its chain"] == "long/2024-10-04  #3"
    answer.checkpoint = 0
    assert "none covers it yet; verify later" in [fact.text.en for fact in story_of(answer, WORDS).evidence]
