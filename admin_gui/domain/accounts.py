"""Accounts, rights and requests for people: words, and what may be offered to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from admin_gui.domain.rights import Permission, Rights
from admin_gui.domain.say import Say, plain
from jingxi_client._gen.pdp.v1 import account_pb2, anomaly_pb2

LEVELS: Final[Mapping[int, Say]] = {
    account_pb2.ACCOUNT_LEVEL_ADMIN: Say("管理员", "Admin"),
    account_pb2.ACCOUNT_LEVEL_MANAGER: Say("主管", "Manager"),
    account_pb2.ACCOUNT_LEVEL_USER: Say("用户", "User"),
    account_pb2.ACCOUNT_LEVEL_RESTRICTED: Say("受限用户", "Restricted"),
}
STATES: Final[Mapping[int, Say]] = {
    account_pb2.ACCOUNT_STATE_ACTIVE: Say("有效", "active"),
    account_pb2.ACCOUNT_STATE_LOCKED: Say("已锁定", "locked"),
    account_pb2.ACCOUNT_STATE_CLOSED: Say("已注销", "closed"),
}
KINDS: Final[Mapping[int, Say]] = {
    account_pb2.REQUEST_KIND_CREATE: Say("新建", "create"),
    account_pb2.REQUEST_KIND_CHANGE: Say("变更", "change"),
    account_pb2.REQUEST_KIND_CLOSE: Say("注销", "close"),
    account_pb2.REQUEST_KIND_RESET: Say("重置", "reset"),
}
REQUEST_STATES: Final[Mapping[int, Say]] = {
    account_pb2.REQUEST_STATE_ASKED: Say("待复核", "asked"),
    account_pb2.REQUEST_STATE_REVIEWED: Say("待批准", "reviewed"),
    account_pb2.REQUEST_STATE_APPROVED: Say("待执行", "approved"),
    account_pb2.REQUEST_STATE_DONE: Say("已执行", "done"),
    account_pb2.REQUEST_STATE_REFUSED: Say("已拒绝", "refused"),
}
STEPS: Final[Mapping[int, Say]] = {**REQUEST_STATES, account_pb2.REQUEST_STATE_ASKED: Say("申请", "asked"),
    account_pb2.REQUEST_STATE_REVIEWED: Say("复核", "reviewed"),
    account_pb2.REQUEST_STATE_APPROVED: Say("批准", "approved"),
    account_pb2.REQUEST_STATE_DONE: Say("执行", "carried out"),
    account_pb2.REQUEST_STATE_REFUSED: Say("拒绝", "refused")}  # fmt: skip
"""What was done to a request, by where it was after that."""
FACTORS: Final[Mapping[str, Say]] = {
    "password": Say("口令", "password"), "totp": Say("验证器", "authenticator"),
    "recovery": Say("恢复码", "recovery code"),
    "certificate": Say("证书", "certificate"), "oidc": Say("身份提供方", "OpenID provider"),
    "oidc-mfa": Say("提供方的第二因素", "second factor at the provider"),
}  # fmt: skip
PERMISSIONS: Final[Mapping[int, Say]] = {
    account_pb2.PERMISSION_POLICY_READ: Say("查看策略", "read policies"),
    account_pb2.PERMISSION_POLICY_WRITE: Say("编写策略", "write policies"),
    account_pb2.PERMISSION_POLICY_APPROVE: Say("批准策略", "approve policies"),
    account_pb2.PERMISSION_POLICY_PUBLISH: Say("发布策略", "publish policies"),
    account_pb2.PERMISSION_POLICY_EMERGENCY: Say("紧急发布", "publish in an emergency"),
    account_pb2.PERMISSION_GRANT_ASK: Say("申请授权", "ask for grants"),
    account_pb2.PERMISSION_GRANT_APPROVE: Say("批准授权", "approve grants"),
    account_pb2.PERMISSION_GRANT_READ: Say("查看授权", "read grants"),
    account_pb2.PERMISSION_SNAPSHOT_READ: Say("查看快照", "read snapshots"),
    account_pb2.PERMISSION_SNAPSHOT_EXPORT: Say("导出快照", "export snapshots"),
    account_pb2.PERMISSION_SIMULATE: Say("模拟", "simulate"),
    account_pb2.PERMISSION_CLUSTER_READ: Say("查看集群", "see the cluster"),
    account_pb2.PERMISSION_CLUSTER_OPERATE: Say("操作集群", "operate the cluster"),
    account_pb2.PERMISSION_ACCOUNT_READ: Say("查看账户", "see accounts"),
    account_pb2.PERMISSION_ACCOUNT_ASK: Say("申请账户与权限", "ask for accounts"),
    account_pb2.PERMISSION_ACCOUNT_REVIEW: Say("复核账户申请", "review requests"),
    account_pb2.PERMISSION_ACCOUNT_APPROVE: Say("批准账户申请", "approve requests"),
    account_pb2.PERMISSION_CALLER_MANAGE: Say("管理调用方", "manage callers"),
    account_pb2.PERMISSION_SECURITY_REVIEW: Say("复核异常", "review anomalies"),
}
_A = account_pb2
BRINGS: Final[Mapping[int, frozenset[int]]] = {
    _A.ACCOUNT_LEVEL_ADMIN: frozenset({_A.PERMISSION_ACCOUNT_READ, _A.PERMISSION_CLUSTER_READ}),
    _A.ACCOUNT_LEVEL_MANAGER: frozenset({_A.PERMISSION_POLICY_READ, _A.PERMISSION_CLUSTER_READ}),
    _A.ACCOUNT_LEVEL_USER: frozenset({_A.PERMISSION_POLICY_READ, _A.PERMISSION_CLUSTER_READ}),
    _A.ACCOUNT_LEVEL_RESTRICTED: frozenset(),
}
"""What an account of a level may do without being given it; a test holds it against the service's table."""
MAY_HAVE: Final[Mapping[int, frozenset[int]]] = {
    _A.ACCOUNT_LEVEL_ADMIN: frozenset({
        _A.PERMISSION_CLUSTER_READ, _A.PERMISSION_CLUSTER_OPERATE, _A.PERMISSION_ACCOUNT_READ,
        _A.PERMISSION_ACCOUNT_ASK, _A.PERMISSION_ACCOUNT_REVIEW, _A.PERMISSION_ACCOUNT_APPROVE,
        _A.PERMISSION_CALLER_MANAGE, _A.PERMISSION_SECURITY_REVIEW,
    }),
    _A.ACCOUNT_LEVEL_MANAGER: frozenset({
        _A.PERMISSION_POLICY_READ, _A.PERMISSION_POLICY_APPROVE, _A.PERMISSION_POLICY_PUBLISH,
        _A.PERMISSION_POLICY_EMERGENCY, _A.PERMISSION_GRANT_APPROVE, _A.PERMISSION_GRANT_READ,
        _A.PERMISSION_SNAPSHOT_READ, _A.PERMISSION_SNAPSHOT_EXPORT, _A.PERMISSION_SIMULATE,
        _A.PERMISSION_CLUSTER_READ, _A.PERMISSION_ACCOUNT_READ, _A.PERMISSION_ACCOUNT_ASK,
        _A.PERMISSION_ACCOUNT_REVIEW, _A.PERMISSION_SECURITY_REVIEW,
    }),
    _A.ACCOUNT_LEVEL_USER: frozenset({
        _A.PERMISSION_POLICY_READ, _A.PERMISSION_POLICY_WRITE, _A.PERMISSION_GRANT_ASK, _A.PERMISSION_GRANT_READ,
        _A.PERMISSION_SNAPSHOT_READ, _A.PERMISSION_SIMULATE, _A.PERMISSION_CLUSTER_READ, _A.PERMISSION_ACCOUNT_ASK,
    }),
    _A.ACCOUNT_LEVEL_RESTRICTED: frozenset({
        _A.PERMISSION_POLICY_READ, _A.PERMISSION_GRANT_READ, _A.PERMISSION_SNAPSHOT_READ, _A.PERMISSION_SIMULATE,
        _A.PERMISSION_CLUSTER_READ,
    }),
}  # fmt: skip
"""What an account of a level may be given at most; a test holds it against the service's table."""
RISKS: Final = (("low", Say("低", "low")), ("medium", Say("中", "medium")), ("high", Say("高", "high")))

ANOMALIES: Final[Mapping[int, Say]] = {
    anomaly_pb2.ANOMALY_CLASS_NEW_DEVICE: Say("新设备", "new device"),
    anomaly_pb2.ANOMALY_CLASS_NEW_NETWORK: Say("新网络", "new network"),
    anomaly_pb2.ANOMALY_CLASS_ODD_HOUR: Say("异常时段", "odd hour"),
    anomaly_pb2.ANOMALY_CLASS_MANY_FAILURES: Say("多次失败", "many failures"),
    anomaly_pb2.ANOMALY_CLASS_IMPOSSIBLE_TRAVEL: Say("异地登录", "impossible travel"),
    anomaly_pb2.ANOMALY_CLASS_UNUSED_ACCOUNT: Say("久未使用", "unused account"),
    anomaly_pb2.ANOMALY_CLASS_EMERGENCY_PUBLICATION: Say("紧急发布", "emergency publication"),
}
SEVERITIES: Final[Mapping[int, tuple[Say, str]]] = {
    anomaly_pb2.ANOMALY_SEVERITY_LOW: (Say("低", "low"), "quiet"),
    anomaly_pb2.ANOMALY_SEVERITY_MEDIUM: (Say("中", "medium"), "warning"),
    anomaly_pb2.ANOMALY_SEVERITY_HIGH: (Say("高", "high"), "danger"),
}
ANOMALY_STATES: Final[Mapping[int, Say]] = {
    anomaly_pb2.ANOMALY_STATE_OPEN: Say("待复核", "open"),
    anomaly_pb2.ANOMALY_STATE_LEGITIMATE: Say("正常", "legitimate"),
    anomaly_pb2.ANOMALY_STATE_COMPROMISED: Say("被盗用或不当", "compromised"),
}
ANOMALY_ACTIONS: Final[Mapping[int, Say]] = {
    anomaly_pb2.ANOMALY_ACTION_RECORD: Say("仅记录", "recorded"),
    anomaly_pb2.ANOMALY_ACTION_FLAG: Say("留待复核", "flagged"),
    anomaly_pb2.ANOMALY_ACTION_LOCK: Say("已锁定账户", "account locked"),
}
DETAILS: Final[Mapping[str, Say]] = {
    "days": Say("未用天数", "Days unused"),
    "hour": Say("钟点", "Hour"),
    "failures": Say("连续失败", "Failures in a row"),
    "network": Say("网络", "Network"),
    "from": Say("自", "From"),
    "to": Say("至", "To"),
    "km": Say("公里", "km"),
    "kmh": Say("时速（公里）", "km/h"),
    "seconds": Say("相隔秒数", "Seconds between"),
    "revision": Say("版本", "Revision"),
    "draft": Say("草稿", "Draft"),
    "reason": Say("原因", "Reason"),
}
"""What is known of an anomaly, by the service's names."""
REVIEW_STATES: Final[Mapping[int, tuple[Say, str]]] = {
    account_pb2.RIGHTS_REVIEW_STATE_CONFIRMED: (Say("已确认", "confirmed"), "quiet"),
    account_pb2.RIGHTS_REVIEW_STATE_DUE: (Say("即将到期", "due"), "warning"),
    account_pb2.RIGHTS_REVIEW_STATE_OVERDUE: (Say("已逾期", "overdue"), "danger"),
}

_NOTHING: Final = Say("无", "nothing")
_UNKNOWN: Final = Say("未知", "unknown")
_WITHIN: Final = Say("{right}（{where}）", "{right} ({where})")
_APPLICATIONS: Final = Say("应用 {names}", "applications {names}")
_BRANCHES: Final = Say("机构 {names}", "branches {names}")


def word(words: Mapping[int, Say], value: int) -> Say:
    """Return the word for a value; one of a newer service is unknown."""
    return words.get(value, _UNKNOWN)


def joined(says: Iterable[Say]) -> Say:
    """Return texts one after the other; a word for none where there are none."""
    found = list(says)
    if not found:
        return _NOTHING
    return Say("、".join(one.zh for one in found), ", ".join(one.en for one in found))


def right_say(right: account_pb2.Right) -> Say:
    """Return a right with where it holds."""
    said = word(PERMISSIONS, right.permission)
    where = []
    if right.scope.applications:
        where.append(_APPLICATIONS.filled(names=", ".join(right.scope.applications)))
    if right.scope.branches:
        where.append(_BRANCHES.filled(names=", ".join(right.scope.branches)))
    if not where:
        return said
    return _WITHIN.filled(right=said, where=Say("；".join(w.zh for w in where), "; ".join(w.en for w in where)))


def rights_say(rights: Iterable[account_pb2.Right]) -> Say:
    """Return rights in their order."""
    return joined(map(right_say, rights))


def factors_say(factors: Sequence[str]) -> Say:
    """Return how somebody signed in."""
    return joined(FACTORS.get(factor, plain(factor)) for factor in factors)


def asker(request: account_pb2.RightsRequest) -> str:
    """Return who asked."""
    return request.steps[0].actor if request.steps else ""


def is_alone(me: str, accounts: Iterable[account_pb2.Account]) -> bool:
    """Whether nobody else is there who could review or approve, so that the first Admin may hire the second."""
    judges = (account_pb2.PERMISSION_ACCOUNT_REVIEW, account_pb2.PERMISSION_ACCOUNT_APPROVE)
    others = [one for one in accounts if one.name != me and one.state != account_pb2.ACCOUNT_STATE_CLOSED]
    return not any(right.permission in judges for one in others for right in one.rights)


def offers(request: account_pb2.RightsRequest, rights: Rights, *, alone: bool = False) -> frozenset[str]:
    """Return what somebody may do with a request: `review`, `approve`, `execute`, `refuse`, `withdraw`.

    Nobody judges their own request, or one about themselves. The service has the last word.
    """
    me, own = rights.account, asker(request) == rights.account
    hires = request.kind == account_pb2.REQUEST_KIND_CREATE and request.wanted.level == account_pb2.ACCOUNT_LEVEL_ADMIN
    may_judge = request.wanted.name != me and (not own or (alone and hires))
    found = set()
    judging: Mapping[int, tuple[str, Permission]] = {
        account_pb2.REQUEST_STATE_ASKED: ("review", "account_review"),
        account_pb2.REQUEST_STATE_REVIEWED: ("approve", "account_approve"),
    }
    if request.state in judging:
        step, needed = judging[request.state]
        if may_judge and rights.may(needed):
            found.add(step)
    if request.state == account_pb2.REQUEST_STATE_APPROVED and request.wanted.name != me:
        found |= {"execute"} if rights.may("account_approve") else set()
    if request.state in (*judging, account_pb2.REQUEST_STATE_APPROVED):
        if own and rights.may_any(("account_ask", "account_review", "account_approve")):
            found.add("withdraw")
        elif not own and rights.may_any(("account_review", "account_approve")):
            found.add("refuse")
    return frozenset(found)
