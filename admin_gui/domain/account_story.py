"""One account, session or request as sections of facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from admin_gui.domain import accounts as words
from admin_gui.domain.facts import Line, Section
from admin_gui.domain.say import Say, plain
from admin_gui.domain.service_words import said
from admin_gui.domain.times import clock
from jingxi_client._gen.pdp.v1 import account_pb2

_ACCOUNT: Final = Say("账户", "Account")
_RIGHTS: Final = Say("可做的事", "What it may do")
_FACTORS: Final = Say("登录方式", "How it signs in")
_DEVICES: Final = Say("设备", "Devices")
_BOUNDS: Final = Say("限制", "Bounds")
_NONE: Final = Say("无", "none")
_HERE: Final = Say("本机", "this machine")
_SESSION: Final = Say(
    "{began} 自 {address}，最近使用 {used}，至 {ends}（{factors}）",
    "{began} from {address}, last used {used}, until {ends} ({factors})",
)
_DEVICE: Final = Say("{name}，最近 {time} 自 {address}", "{name}, last {time} from {address}")
_LEFT: Final = Say("验证器，剩余恢复码 {count} 个", "authenticator, {count} recovery codes left")
_STATE: Final = Say("{state}：{why}", "{state}: {why}")
_STEP: Final = Say("{time} {actor} {did}：{reason}", "{time} {actor} {did}: {reason}")
_STEP_SHORT: Final = Say("{time} {actor} {did}", "{time} {actor} {did}")
_ALONE: Final = Say("（当时没有他人可办）", " (nobody else was there who could)")
_BY_REVIEW: Final = Say(
    "在“异常”中复核 {anomaly}，判为正常即解锁", "review {anomaly} under Anomalies; a legitimate one unlocks it"
)
_AFTER_RESET: Final = Say("曾被盗用，须先申请重置", "somebody else had it; ask for a reset first")
_DAYS: Final = Say("一二三四五六日", "Mon Tue Wed Thu Fri Sat Sun")


def account_sections(account: account_pb2.Account, rights: Iterable[account_pb2.Right]) -> list[Section]:
    """Return what there is to say of an account that may do this."""
    state = words.word(words.STATES, account.state)
    if account.state_reason:
        state = _STATE.filled(state=state, why=said(account.state_reason))
    about: list[Line] = [
        (Say("用户名", "Name"), account.name),
        (Say("责任人", "Owner"), account.owner or "–"),
        (Say("机构", "Branch"), account.branch or "–"),
        (Say("级别", "Level"), words.word(words.LEVELS, account.level)),
        (Say("状态", "State"), state),
        (Say("最近登录", "Last sign-in"), clock(account.last_sign_in_nanos, with_year=True)),
        (Say("建立", "Made"), f"{clock(account.created_nanos, with_year=True)} {account.created_by}".strip()),
    ]
    if account.compromised:
        about.append((Say("解锁", "To unlock"), _AFTER_RESET))
    elif account.locked_by:
        about.append((Say("解锁", "To unlock"), _BY_REVIEW.filled(anomaly=account.locked_by)))
    if account.failures.count:
        about.append((Say("连续失败", "Failures in a row"), str(account.failures.count)))
    if account.open_anomalies:
        found = words.joined(words.word(words.ANOMALIES, one.kind) for one in account.open_anomalies)
        about.append((Say("待复核异常", "Waiting anomalies"), found))
    # What the level brings may have been given besides.
    told = dict.fromkeys(words.right_say(right) for right in rights)
    may: list[Line] = [(None, said) for said in told]
    sections = [
        Section(_ACCOUNT, about),
        Section(_RIGHTS, may or [(None, _NONE)]),
        Section(_FACTORS, _factors(account)),
    ]
    devices: list[Line] = [
        (None, _DEVICE.filled(name=one.name or "–", time=clock(one.last_nanos), address=_place(one.last_address)))
        for one in account.devices
    ]
    sections.append(Section(_DEVICES, devices or [(None, _NONE)]))
    if bounds := _bounds(account):
        sections.append(Section(_BOUNDS, bounds))
    return sections


def session_line(session: account_pb2.Session) -> Say:
    """Return a session in a line."""
    return _SESSION.filled(
        began=clock(session.began_nanos), address=_place(session.address), used=clock(session.used_nanos),
        ends=clock(session.ends_nanos), factors=words.factors_say(session.factors),
    )  # fmt: skip


def request_sections(request: account_pb2.RightsRequest) -> list[Section]:
    """Return what is asked for, with what risk, and who has done what."""
    wanted = request.wanted
    about: list[Line] = [
        (Say("事项", "What"), words.word(words.KINDS, request.kind)),
        (Say("账户", "Account"), wanted.name),
        (Say("现状", "State"), words.word(words.REQUEST_STATES, request.state)),
        (Say("风险", "Risk"), risk_say(request.risk)),
        (Say("编号", "Id"), request.id),
    ]
    sections = [Section(Say("申请", "Request"), about)]
    if wanted.level:
        asked: list[Line] = [
            (Say("责任人", "Owner"), wanted.owner or "–"),
            (Say("机构", "Branch"), wanted.branch or "–"),
            (Say("级别", "Level"), words.word(words.LEVELS, wanted.level)),
        ]
        asked += [(Say("权限", "Right"), words.right_say(right)) for right in wanted.rights]
        asked += _bounds(wanted)
        if wanted.HasField("oidc"):
            asked.append((Say("提供方身份", "Identity"), f"{wanted.oidc.subject} {wanted.oidc.issuer}".strip()))
        sections.append(Section(Say("账户将成为", "The account as it is to be"), asked))
    steps: list[Line] = [(None, _step(one)) for one in request.steps]
    sections.append(Section(Say("经过", "What was done"), steps))
    return sections


def risk_say(risk: str) -> Say:
    """Return a stated risk with its grade in words."""
    grade, colon, why = risk.partition(":")
    said = dict(words.RISKS).get(grade.strip().lower())
    if said is None:
        return plain(risk)
    return Say(f"{said.zh}：{why.strip()}", f"{said.en}: {why.strip()}") if colon else said


def _step(step: account_pb2.RequestStep) -> Say:
    pattern = _STEP if step.reason else _STEP_SHORT
    said = pattern.filled(
        time=clock(step.time_nanos), actor=step.actor, did=words.word(words.STEPS, step.state), reason=step.reason
    )
    return Say(said.zh + _ALONE.zh, said.en + _ALONE.en) if step.alone else said


def _factors(account: account_pb2.Account) -> list[Line]:
    found: list[Line] = []
    if account.HasField("password"):
        since = clock(account.password.since_nanos)
        found.append((None, Say(f"口令，自 {since}", f"password, since {since}")))
    if account.totp.confirmed:
        found.append((None, _LEFT.filled(count=len(account.recovery_hashes))))
    found += [(None, Say(f"证书 {one[:16]}…", f"certificate {one[:16]}…")) for one in account.certificates]
    if account.HasField("oidc"):
        found.append((None, Say(f"身份提供方：{account.oidc.subject}", f"OpenID provider: {account.oidc.subject}")))
    return found or [(None, _NONE)]


def _bounds(account: account_pb2.Account) -> list[Line]:
    found: list[Line] = []
    if account.networks:
        found.append((Say("网络", "Networks"), ", ".join(account.networks)))
    for window in account.windows:
        hours = f"{_time(window.from_minute)}-{_time(window.to_minute)}"
        names = _DAYS.en.split()
        days = Say("".join(_DAYS.zh[day - 1] for day in window.days), " ".join(names[day - 1] for day in window.days))
        said = (
            Say(f"周{days.zh} {hours}", f"{days.en} {hours}") if window.days else Say(f"每天 {hours}", f"daily {hours}")
        )
        found.append((Say("时段", "Hours"), said))
    if account.authority_level:
        found.append((Say("授权层级", "Level of authority"), str(account.authority_level)))
    return found


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _place(address: str) -> Say:
    return plain(address) if address else _HERE
