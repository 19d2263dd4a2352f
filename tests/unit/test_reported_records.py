"""How records of what clients reported are read: in words, and when decisions are made again."""

from __future__ import annotations

from pathlib import Path

from pdp.engine import bundle as bundles
from pdp.lang.check import check_folder
from pdp.lang.model import Effect, Label
from pdp.lang.sentence import verdict_sentence
from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.replayer import VERDICT, Replayer
from pdp.v1 import snapshot_pb2, types_pb2
from tests.integration.running import write_policies

NOW = 1_770_000_000_000_000_000
ID = "0123456789abcdef" * 2 + "-f7-0"


def body(node: str, may_repeat: str = "", record_id: str = ID) -> bytes:
    verdict = snapshot_pb2.RecordedVerdict(
        fields=["mobile"], level="C2", effect=types_pb2.EFFECT_UNMASK, kind=types_pb2.REASON_KIND_FAILURE_RULE
    )
    snapshot = snapshot_pb2.Snapshot(
        decision_id=record_id, time_nanos=NOW, verdicts=[verdict], may_repeat=may_repeat, caller=node,
        source=snapshot_pb2.SNAPSHOT_SOURCE_FALLBACK, severity=snapshot_pb2.SEVERITY_MEDIUM,
    )  # fmt: skip
    return snapshot_pb2.Record(snapshot=snapshot).SerializeToString()


def test_what_was_shown_without_a_verdict_in_words() -> None:
    said = verdict_sentence(
        Label("手机号", "mobile"), Effect.UNMASK, "full", {}, kind="failure", title=Label(), undecided=False
    )
    assert said.zh == "手机号：明文显示，当时没有裁决，按失效规则"
    assert said.en == "mobile: show in clear, by the failure rule, as no verdict could be had"


def test_what_was_not_decided_is_not_decided_again(tmp_path: Path) -> None:
    found = check_folder(write_policies(tmp_path), analyse=False).resolved
    assert found is not None
    asked: list[str] = []
    replayer = Replayer(Candidate(bundles.build(found)), asked.append)  # type: ignore[arg-type,func-returns-value]
    _, result = replayer.replay(body("n1"))
    assert (result.changes, result.lacks) == ((), {VERDICT})
    assert not asked
