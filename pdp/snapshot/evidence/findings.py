"""What verification can find, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pdp.lang.model import Label
from pdp.snapshot.chain import StreamKey


class Kind(StrEnum):
    """What is wrong; AFTER_CHECKPOINT and RESTORED are for information and no faults."""

    MISSING = "missing"
    ADDED = "added"
    REORDERED = "reordered"
    ALTERED = "altered"
    COLUMN_ALTERED = "column_altered"
    STREAM_MISSING = "stream_missing"
    STREAM_ADDED = "stream_added"
    CHECKPOINT_MISSING = "checkpoint_missing"
    CHECKPOINT_ALTERED = "checkpoint_altered"
    CHECKPOINT_BAD_SIGNATURE = "checkpoint_bad_signature"
    CHECKPOINT_UNKNOWN_KEY = "checkpoint_unknown_key"
    ROOT_MISMATCH = "root_mismatch"
    AFTER_CHECKPOINT = "after_checkpoint"
    RESTORED = "restored"


_NOTHING = Label()
_INFORMATION = frozenset({Kind.AFTER_CHECKPOINT, Kind.RESTORED})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    `sequence` to `last` are the records it is about, `record_id` the first one's id where it can be read; `checkpoint`
    is a number. `detail` goes on where the kind's own sentence ends.
    """

    kind: Kind
    node: str
    stream: StreamKey | None = None
    sequence: int | None = None
    last: int | None = None
    record_id: str = ""
    checkpoint: int | None = None
    detail: Label = _NOTHING

    @property
    def is_fault(self) -> bool:
        """Whether the records are not what was recorded, or cannot be shown to be."""
        return self.kind not in _INFORMATION

    @property
    def sentence(self) -> Label:
        """What is wrong and where, in words."""
        zh, en = _WORDS[self.kind]
        where = _where(self)
        return Label(where.zh + zh + (f"：{self.detail.zh}" if self.detail.zh else ""),
                     where.en + en + (f": {self.detail.en}" if self.detail.en else ""))  # fmt: skip

    def plain(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        stream = None if self.stream is None else self.stream._asdict()
        return {
            "kind": self.kind.value, "fault": self.is_fault, "node": self.node, "stream": stream,
            "sequence": self.sequence, "last": self.last, "id": self.record_id, "checkpoint": self.checkpoint,
            "sentence": {"zh": self.sentence.zh, "en": self.sentence.en},
        }  # fmt: skip


_WORDS = {
    Kind.MISSING: ("缺失", "missing"),
    Kind.ADDED: ("是后来添加的", "added later"),
    Kind.REORDERED: ("不在原来的位置", "not in its own place"),
    Kind.ALTERED: ("被修改过", "changed after it was recorded"),
    Kind.COLUMN_ALTERED: ("检索列与记录不符", "columns for searching differ from the record"),
    Kind.STREAM_MISSING: ("整条链缺失", "the whole chain is missing"),
    Kind.STREAM_ADDED: ("整条链没有任何检查点", "no checkpoint knows this chain"),
    Kind.CHECKPOINT_MISSING: ("缺失", "missing"),
    Kind.CHECKPOINT_ALTERED: ("被修改或替换", "changed or replaced"),
    Kind.CHECKPOINT_BAD_SIGNATURE: ("签名错误", "its signature is wrong"),
    Kind.CHECKPOINT_UNKNOWN_KEY: ("签名密钥不受信任", "signed with a key that is not trusted"),
    Kind.ROOT_MISMATCH: ("与签名的检查点不符", "not what a signed checkpoint says"),
    Kind.AFTER_CHECKPOINT: ("晚于最后一个检查点，尚无签名", "later than the last checkpoint, so not signed for yet"),
    Kind.RESTORED: (
        "节点由备份恢复后从此编号继续；备份之后签署的只在副本中",
        "the node was restored from a backup and went on at this number; what it signed since then is in copies alone",
    ),
}


def _where(finding: Finding) -> Label:
    zh, en = (f"节点 {finding.node}", f"node {finding.node}") if finding.node else ("存储", "the store")
    if finding.stream is not None:
        name = "/".join(map(str, finding.stream[1:]))
        zh, en = f"{zh}，链 {name}", f"{en}, chain {name}"
    if finding.sequence is not None:
        if finding.last is not None and finding.last != finding.sequence:
            zh = f"{zh}，记录 {finding.sequence} 至 {finding.last}"
            en = f"{en}, records {finding.sequence} to {finding.last}"
        else:
            zh, en = f"{zh}，记录 {finding.sequence}", f"{en}, record {finding.sequence}"
        if finding.record_id:
            zh, en = f"{zh}（{finding.record_id}）", f"{en} ({finding.record_id})"
    elif finding.checkpoint is not None:
        zh, en = f"{zh}，检查点 {finding.checkpoint}", f"{en}, checkpoint {finding.checkpoint}"
    return Label(f"{zh}：", f"{en}: ")
