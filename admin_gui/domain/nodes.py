"""The nodes of a cluster, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from admin_gui.domain.say import Say
from admin_gui.domain.service_words import said
from admin_gui.domain.times import clock
from jingxi_client._gen.pdp.v1 import cluster_service_pb2

Mood = Literal["good", "waiting", "bad", "quiet"]

_HEALTH: Final[Mapping[int, tuple[Say, Mood]]] = {
    cluster_service_pb2.NODE_HEALTH_CURRENT: (Say("一致", "current"), "good"),
    cluster_service_pb2.NODE_HEALTH_BEHIND: (Say("更新中", "behind"), "waiting"),
    cluster_service_pb2.NODE_HEALTH_REFUSING: (Say("拒绝", "refusing"), "bad"),
    cluster_service_pb2.NODE_HEALTH_EMPTY: (Say("无策略", "empty"), "bad"),
    cluster_service_pb2.NODE_HEALTH_DRAINING: (Say("正在停止", "draining"), "quiet"),
    cluster_service_pb2.NODE_HEALTH_LOST: (Say("失联", "lost"), "bad"),
}
_UNKNOWN: Final = (Say("未知", "unknown"), "quiet")
_IN_FORCE: Final = Say(
    "现行版本 {revision}，{count} 个节点，{current} 个一致",
    "revision {revision} in force, {count} nodes, {current} current",
)
_NOTHING: Final = Say("还没有发布任何版本，{count} 个节点", "nothing is in force yet, {count} nodes")
_TROUBLE: Final = Say("{revision}：{code}：{error}", "{revision}: {code}: {error}")
_ROLLOUT: Final = Say("；灰度：版本 {revision}", "; rollout: revision {revision}")


@dataclass(frozen=True, slots=True)
class NodeLine:
    """What there is to say of a node."""

    name: str
    health: Say
    mood: Mood
    revision: str
    hash: str
    address: str
    labels: str
    seen: str
    decisions: str
    waiting: str
    trouble: Say


def lines(answer: cluster_service_pb2.ListNodesResponse) -> list[NodeLine]:
    """Return a line for each node, in the order of their names."""
    return [_line(node) for node in answer.nodes]


def _line(node: cluster_service_pb2.Node) -> NodeLine:
    status = node.status
    health, mood = _HEALTH.get(node.health, _UNKNOWN)
    trouble = Say("", "")
    if status.refused_revision:
        about = {"revision": status.refused_revision, "code": status.refused_code}
        trouble = _TROUBLE.filled(**about, error=said(status.refused_error))
    return NodeLine(
        status.node,
        health,
        mood,
        str(status.revision or "–"),
        status.bundle_hash[:12],
        status.address,
        ", ".join(f"{name}={value}" for name, value in sorted(status.labels.items())),
        clock(status.told_nanos),
        f"{status.load.decisions_per_second:,.0f}",
        f"{status.load.spooled:,}",
        trouble,
    )


def summary(answer: cluster_service_pb2.ListNodesResponse) -> Say:
    """Return the cluster in one sentence."""
    current = sum(node.health == cluster_service_pb2.NODE_HEALTH_CURRENT for node in answer.nodes)
    if not answer.HasField("head"):
        return _NOTHING.filled(count=len(answer.nodes))
    said = _IN_FORCE.filled(revision=answer.head.revision, count=len(answer.nodes), current=current)
    if answer.HasField("rollout"):
        more = _ROLLOUT.filled(revision=answer.rollout.revision)
        said = Say(said.zh + more.zh, said.en + more.en)
    return said
