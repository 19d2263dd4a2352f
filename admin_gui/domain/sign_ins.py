"""One sign-in on record, in words: what became of it, how or why not, from where, and what was unusual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from admin_gui.domain import accounts as words
from admin_gui.domain.say import Say, plain
from admin_gui.domain.snapshot_filter import quoted
from jingxi_client._gen.pdp.v1 import account_service_pb2 as messages
from jingxi_client._gen.pdp.v1 import anomaly_pb2

SignIn = messages.SignInRecord
OUTCOMES: Final[Mapping[int, tuple[Say, str]]] = {
    messages.SIGN_IN_OUTCOME_SIGNED_IN: (Say("成功", "success"), ""),
    messages.SIGN_IN_OUTCOME_FAILED: (Say("失败", "failed"), "danger"),
    messages.SIGN_IN_OUTCOME_SESSION_REFUSED: (Say("会话被拒", "refused"), "danger"),
}
"""What became of it, and the token of its colour."""
_REASONS: Final[Mapping[str, Say]] = {
    "password": Say("口令不对", "wrong password"),
    "code": Say("验证码不对或已用过", "wrong or used code"),
    "no_code": Say("没有第二因素", "no second factor"),
    "waiting": Say("连续失败，须等待", "has to wait after failures"),
    "locked": Say("账户已锁定", "account locked"),
    "closed": Say("账户已注销", "account closed"),
    "device": Say("新设备且没有第二因素", "new device, no second factor"),
    "time": Say("不在允许的时段", "outside its hours"),
    "place": Say("不在允许的网络", "outside its networks"),
    "anomaly": Say("异常，按规则锁定", "unusual; locked by a rule"),
    "sealed": Say("密钥无法解开", "its secret cannot be opened"),
    "other_device": Say("在别的设备上出示", "shown on another device"),
}
_PROVIDER: Final = Say("身份提供方：{code}", "OpenID provider: {code}")
_DURING: Final = Say("{reason}（{what}）", "{reason} ({what})")
_DOING: Final[Mapping[str, Say]] = {
    "account.password": Say("更换口令时", "changing the password"),
    "account.totp.begin": Say("设置验证器时", "setting up an authenticator"),
}
_UNKNOWN: Final = (Say("未知", "unknown"), "quiet")
_HERE: Final = Say("本机", "this machine")
_CITY: Final = Say("{address}（{city}）", "{address} ({city})")
_KINDS: Final = ("session.sign_in", "session.failed", "session.refused")
_PREFIX: Final = "ANOMALY_CLASS_"
_CLASSES: Final[Mapping[str, Say]] = {
    anomaly_pb2.AnomalyClass.Name(kind).removeprefix(_PREFIX).lower(): say for kind, say in words.ANOMALIES.items()
}


def outcome(sign_in: SignIn) -> tuple[Say, str]:
    """Return what became of it, and the token of its colour."""
    return OUTCOMES.get(sign_in.outcome, _UNKNOWN)


def how(sign_in: SignIn) -> Say:
    """Return by what somebody signed in, or why they did not."""
    code = sign_in.reason
    if not code:
        return words.factors_say(sign_in.factors)
    said = _REASONS.get(code) or (_PROVIDER.filled(code=code) if code.startswith("oidc_") else plain(code))
    if not sign_in.during:
        return said
    return _DURING.filled(reason=said, what=_DOING.get(sign_in.during, plain(sign_in.during)))


def place(sign_in: SignIn) -> Say:
    """Return where it came from, with the city where the bank knows it."""
    if not sign_in.address:
        return _HERE
    return _CITY.filled(address=sign_in.address, city=sign_in.city) if sign_in.city else plain(sign_in.address)


def unusual(sign_in: SignIn) -> Say:
    """Return what was unusual; empty for nothing."""
    found = [_CLASSES.get(name, plain(name)) for name in sign_in.unusual]
    return words.joined(found) if found else plain("")


def filter_of(account: str) -> str:
    """Return the filter that finds all of an account's sign-ins among the snapshots."""
    kinds = ", ".join(map(quoted, _KINDS))
    return f"subject.id == {quoted(account)} && kind in [{kinds}]"
