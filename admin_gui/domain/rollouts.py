"""Revisions that decide on some nodes first, and how nodes follow one, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.say import Say
from admin_gui.domain.service_words import said
from jingxi_client._gen.pdp.v1 import cluster_service_pb2, control_pb2, policy_service_pb2

_STATES: Final[Mapping[int, Say]] = {
    control_pb2.ROLLOUT_STATE_RUNNING: Say("进行中", "running"),
    control_pb2.ROLLOUT_STATE_PROMOTED: Say("已全面生效", "promoted"),
    control_pb2.ROLLOUT_STATE_STOPPED: Say("已撤回", "stopped"),
}
_ROLLOUT: Final = Say(
    "灰度：版本 {revision} 在带有 {labels} 的节点上，{state}",
    "Rollout: revision {revision} on nodes with {labels}, {state}",
)
_BECAUSE: Final = Say("；原因：{why}", "; because: {why}")
_COMPARED: Final = Say(
    "对比了 {compared} 次裁决，{differing} 次不同，{failed} 次未能对比；撤回后回到版本 {fallback}。",
    "{compared} decisions compared, {differing} differ, {failed} could not be made; falls back to revision {fallback}.",
)
_REACHED: Final = Say(
    "版本 {revision} 已在 {reached}/{all} 个节点生效", "Revision {revision}: {reached} of {all} nodes decide by it"
)
_EXCUSED: Final = Say("；不等待：{names}", "; not waited for: {names}")
_WHYS: Final[Mapping[int, Say]] = {
    cluster_service_pb2.NODE_HEALTH_BEHIND: Say("更新中", "behind"),
    cluster_service_pb2.NODE_HEALTH_EMPTY: Say("还没有策略", "has nothing to decide by"),
    cluster_service_pb2.NODE_HEALTH_CURRENT: Say("更新中", "behind"),
}
_REFUSES: Final = Say("拒绝：{code}：{error}", "refuses: {code}: {error}")
_WAITING: Final = Say("等待中", "waiting")


@dataclass(frozen=True, slots=True)
class Missing:
    """A node that does not decide by the revision yet, and why."""

    node: str
    why: Say
    refuses: bool


def parse_labels(text: str) -> dict[str, str]:
    """Return `ring=canary, site=gz` as labels. Raises ValueError."""
    found = {}
    for part in text.replace("，", ",").split(","):
        name, sign, value = part.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise ValueError(part.strip())
        found[name.strip()] = value.strip()
    return found


def told(answer: policy_service_pb2.GetRolloutResponse) -> tuple[Say, Say]:
    """Return where a rollout is, and what was compared."""
    one = answer.rollout
    labels = ", ".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
    state = _STATES.get(one.state, Say("", ""))
    about = _ROLLOUT.filled(revision=one.revision, labels=labels, state=state)
    if one.stopped_because:
        more = _BECAUSE.filled(why=said(one.stopped_because))
        about = Say(about.zh + more.zh, about.en + more.en)
    counts = [shadow for node in answer.nodes for shadow in node.shadows]
    compared, differing, failed = (
        sum(getattr(count, name) for count in counts) for name in ("compared", "differing", "failed")
    )
    more = _COMPARED.filled(
        compared=f"{compared:,}", differing=f"{differing:,}", failed=f"{failed:,}", fallback=one.fallback
    )
    return about, more


def is_running(answer: policy_service_pb2.GetRolloutResponse) -> bool:
    """Whether it can be promoted or stopped."""
    return answer.rollout.state == control_pb2.ROLLOUT_STATE_RUNNING


def reached(answer: cluster_service_pb2.AwaitRevisionResponse, revision: int) -> Say:
    """Return how many nodes decide by a revision."""
    count, every = len(answer.reached), len(answer.reached) + len(answer.missing)
    said = _REACHED.filled(revision=revision, reached=count, all=every)
    if not answer.excused:
        return said
    more = _EXCUSED.filled(names=", ".join(node.status.node for node in answer.excused))
    return Say(said.zh + more.zh, said.en + more.en)


def missing(answer: cluster_service_pb2.AwaitRevisionResponse) -> list[Missing]:
    """Return the nodes that do not decide by it, with the reason."""
    found = []
    for node in answer.missing:
        status = node.status
        refuses = bool(status.refused_revision)
        why = _WHYS.get(node.health, _WAITING)
        if refuses:
            why = _REFUSES.filled(code=status.refused_code, error=said(status.refused_error))
        found.append(Missing(status.node, why, refuses))
    return found
