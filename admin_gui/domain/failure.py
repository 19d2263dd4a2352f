"""Why something did not work, in words that say what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from admin_gui.domain.say import Say
from admin_gui.domain.service_words import said
from admin_gui.domain.times import clock

_WORDS: Mapping[str, Say] = {
    "UNAVAILABLE": Say(
        "连接不上服务；恢复后会自动重试。", "The service cannot be reached; it is tried again by itself."
    ),
    "DEADLINE_EXCEEDED": Say("服务没有在规定时间内应答。", "The service did not answer in time."),
    "UNAUTHENTICATED": Say("登录已失效，请重新登录。", "You are no longer signed in; sign in again."),
    "PERMISSION_DENIED": Say("您没有此项权限。", "You do not have this right."),
    "UNIMPLEMENTED": Say("服务端没有此项功能。", "The service does not have this function."),
    "RESOURCE_EXHAUSTED": Say(
        "请求过多或过大，请稍后再试。", "There are too many requests, or it is too large; try again later."
    ),
    "INTERNAL": Say("服务端出错。", "The service failed."),
}

_REASONS: Mapping[str, Say] = {
    "STORE_UNAVAILABLE": Say(
        "快照存储没有应答，或没有按时应答。缩小时间范围后重试；仍不行请联系运维。",
        "The store of records does not answer, or not in time. Ask for a shorter time; if that does not help, tell "
        "operations.",
    ),
    "NO_SNAPSHOT": Say(
        "没有这个编号的记录：可能已按保留期删除。", "No record has this id; its time may be over and it was dropped."
    ),
    "NO_EVIDENCE": Say(
        "无法证明：有记录缺失，或存储与节点签署过的不符。请用 pdp snapshot verify 核验，并通知安全管理员。",
        "It cannot be proved: records are missing, or the store does not fit what the node signed. Run `pdp snapshot "
        "verify`, and tell the security officer.",
    ),
    "SIGN_IN": Say(
        "未能登录。请核对用户名、口令与验证码（手机时间须准确，每个验证码只能用一次），以及是否在您的设备、时间与网络上登录；"
        "多次失败会暂时锁定。",
        "Not signed in. Look at the name, the password and the code (the telephone's clock must be right, and each "
        "code counts once), and whether it is your device, time and network; repeated failures lock for a while.",
    ),
    "SIGN_IN_OIDC": Say(
        "未能登录。请核对在身份提供方登录的是否本人、验证码是否正确；没有账户时请联系管理员。",
        "Not signed in. Look whether it was you at the provider, and at the code; without an account ask an "
        "administrator.",
    ),
    "FIRST_ACCOUNT": Say(
        "未能建立首个账户。令牌不对、已用过，或已有账户。",
        "The first account was not made. The token is wrong or was used, or there is an account already.",
    ),
    "PASSWORD": Say(
        "原口令不对；多次失败会暂时锁定。", "This is not your password; repeated failures lock for a while."
    ),
    "NOT_REACHED": Say(
        "连接不上服务，没有完成；请稍候再试。", "The service cannot be reached, and this was not done; try again soon."
    ),
    "TOTP_WRONG": Say(
        "验证码不对。请输入验证器此刻显示的 6 位数字。", "This is not the code. Enter the 6 digits that it shows now."
    ),
    "TOTP_SLOW": Say(
        "手机时间比本机慢约 {minutes} 分钟，因此验证码无效。请把手机设为自动校时，再输入新的验证码。",
        "The telephone's clock is about {minutes} min behind this machine's, so its codes do not count. Let it set its "
        "clock by itself, and enter a new code.",
    ),
    "TOTP_FAST": Say(
        "手机时间比本机快约 {minutes} 分钟，因此验证码无效。请把手机设为自动校时，再输入新的验证码。",
        "The telephone's clock is about {minutes} min ahead of this machine's, so its codes do not count. Let it set "
        "its clock by itself, and enter a new code.",
    ),
    "TOTP_CLOCKS": Say(
        "按本机时间此验证码是对的，服务却不认：本机或服务的时间不准，请联系运维。",
        "By this machine's clock the code is right, but the service does not take it: one of the two clocks is wrong; "
        "tell operations.",
    ),
    "TOTP_SET": Say(
        "验证器已经生效，但恢复码没有送达。请返回并登录，再到“账户 · 我的账户”更换验证器以取得恢复码。",
        "The authenticator counts already, but its recovery codes did not arrive. Go back and sign in, and set it up "
        "again under Accounts, My account, to get some.",
    ),
    "NOT_DONE": Say(
        "会话已结束，此操作没有执行；登录后请再做一次。",
        "The session has ended, and this was not done; do it again once you are signed in.",
    ),
    "THROTTLED": Say(
        "从此网络地址登录失败的次数过多，请稍候再试。",
        "Too many sign-ins failed from this network address; wait before you try again.",
    ),
    "TLS_UNTRUSTED": Say(
        "不信任服务的证书：它不是由所选 CA 签发的，或已过期。请选择贵行签发管理端口证书的 CA 文件。",
        "The service's certificate is not trusted: the chosen CA has not signed it, or it has expired. Choose the CA "
        "file by which your bank signs certificates of staff ports.",
    ),
    "TLS_NAME": Say(
        "证书不是发给此地址的。请使用证书中的主机名，不要用 IP 地址。",
        "The certificate is not for this address. Use the host name that stands in it, not an IP address.",
    ),
    "TLS_CLIENT": Say(
        "服务要求出示您自己的证书，或不接受所出示的证书。请在连接设置中选择证书与私钥。",
        "The service wants a certificate of your own, or does not take the one shown. Choose certificate and key in "
        "the connection's settings.",
    ),
    "TLS_NONE": Say(
        "对方不以 TLS 应答。请核对端口：应是管理端口，而不是裁决端口或网页端口。",
        "What answers there does not speak TLS. Look at the port: it must be the staff port.",
    ),
    "NO_HOST": Say(
        "找不到此主机名。请核对拼写与网络。", "This host name is not known. Look at its spelling and the network."
    ),
    "NOBODY_LISTENS": Say(
        "该地址没有服务在监听。请核对端口，以及服务是否已启动。",
        "Nothing listens there. Look at the port, and whether the service runs.",
    ),
    "NO_SOCKET": Say(
        "没有此套接字文件，或无权打开它。", "There is no such socket file, or it cannot be opened by this user."
    ),
    "NO_ANSWER": Say(
        "服务没有应答。请核对地址，以及防火墙是否放行。",
        "The service does not answer. Look at the address, and whether a firewall lets it through.",
    ),
    "FILE": Say("读不出证书文件。", "A certificate file cannot be read."),
    "CANCELLED": Say("已取消。", "Cancelled."),
    "PROVIDER": Say("身份提供方未让您登录：{error}", "The provider did not sign you in: {error}"),
    "LATE": Say("未在限定时间内完成登录，请重试。", "Nobody signed in there in time; try again."),
    "BROWSER": Say("无法打开浏览器，请复制地址自行打开。", "No browser opens; copy the address and open it yourself."),
    "NO_PORT": Say(
        "本机无法监听供浏览器返回的端口。", "Cannot listen on this machine for the browser to come back to."
    ),
    "DEVICE_FILE": Say("设备密钥文件不可用：{problem}", "The file with this device's secret is not usable: {problem}"),
}
"""What this program finds out by itself, or tells of an answer, by its own reason."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed.

    `code` is the gRPC status, `reason` the service's own (`CONFLICT`), `metadata` what it tells besides, `fields` the
    wrong places of the request with what is wrong there, `message` the service's words.
    """

    code: str
    message: str = ""
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def is_away(self) -> bool:
        """Whether the service is away rather than unwilling."""
        return self.code == "UNAVAILABLE" and not self.reason

    @property
    def say(self) -> Say:
        """What happened, for people."""
        if self.reason == "CONFLICT":
            who, when = self.metadata.get("actor", "?"), self.metadata.get("time", "?")
            when = clock(int(when)) if when.isdecimal() else when
            return Say(
                f"{who} 已在 {when} 先行修改，没有覆盖任何内容。",
                f"{who} was first, at {when}; nothing was overwritten.",
            )
        if self.reason in _REASONS:
            return _REASONS[self.reason].filled(**self.metadata)
        words = _WORDS.get(self.code)
        return words if words is not None and (self.is_away or not self.message) else said(self.message or self.code)

    @property
    def details(self) -> str:
        """What to copy into a report: no value of a customer is in it."""
        lines = [f"{self.code} {self.reason}".strip(), self.message]
        lines += [f"{name}: {value}" for name, value in sorted(self.metadata.items())]
        lines += [f"{place}: {problem}" for place, problem in self.fields]
        return "\n".join(line for line in lines if line)
