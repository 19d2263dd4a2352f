"""The words in which commands about accounts, sessions and signing in speak, in Chinese and English."""

from __future__ import annotations

from typing import Final

from pdp.v1 import account_pb2

WORDS: Final = {
    "en": {
        "account": "account",
        "owner": "owner",
        "branch": "branch",
        "level": "level",
        "state": "state",
        "rights": "rights",
        "last_sign_in": "last sign-in",
        "session": "session",
        "began": "began",
        "used": "last used",
        "ends": "ends",
        "address": "address",
        "factors": "factors",
        "limited": "{factors} (limited)",
        "state_reason": "{state}: {reason}",
        "may": "may: {rights}",
        "nothing": "nothing",
        "factors_line": "factors: {factors}; recovery codes left: {left}",
        "none": "none",
        "identity": "identity: {subject} at {issuer}",
        "device": "device: {name}, last {time} from {address}",
        "no_name": "(no name)",
        "here": "this machine",
        "joined": ", ",
        "ask_token": "Token",
        "ask_new": "New password",
        "ask_again": "The same once more",
        "ask_before": "Password so far",
        "ask_password": "Password",
        "ask_code": "Code (empty for none)",
        "ask_shown": "Code that it shows",
        "first_made": "made the account `{name}`; sign in with: pdp login {name}",
        "password_changed": "changed; other sessions have ended",
        "totp_uri": "for the authenticator, once: {uri}",
        "totp_done": "one-time codes count from now on; recovery codes, each for one sign-in, shown this once:",
        "signed_in": "signed in as `{name}` until {time}",
        "must_change": "the password must be changed first: pdp account password",
        "must_factor": "a second factor must be set up first: pdp account totp",
        "reading_only": "your rights are overdue for a review, so you may only read until somebody else confirms them: "
        "pdp account confirm {name}",
        "signed_out": "signed out",
        "session_ends": "session {id} ends {time}",
        "session_ended": "ended the session {id}",
        "browser": "sign in at {label} in the browser; if none opens, open this there, within {minutes} minutes:",
        "open": "sign in at {label}: open this in a browser on this machine, within {minutes} minutes:",
        "provider": "the OpenID provider",
        "page_title": "Jingxi",
        "page_done": "The provider has answered. Go back to the terminal; this page may be closed.",
        "page_failed": "The provider did not sign you in. The terminal tells more; this page may be closed.",
        "page_other": "This is not the sign-in that waits here.",
        "late": "nobody signed in at {label} within {seconds} s; run `pdp login --oidc` again",
        "said_no": "{label} did not sign you in: {error}",
        "no_port": "cannot listen on 127.0.0.1:{port}: {reason}; choose another `--port`",
        "locked": "locked `{name}`",
        "unlocked": "unlocked `{name}`",
        "request": "request",
        "what": "what",
        "level_and_rights": "level and rights",
        "risk": "risk",
        "steps": "steps",
        "asked_now": "asked: request {id}, {kind} `{name}`",
        "reviewed_now": "reviewed: request {id}, {kind} `{name}`",
        "approved_now": "approved: request {id}, {kind} `{name}`",
        "refused_now": "refused: request {id}, {kind} `{name}`",
        "done_now": "carried out: request {id}, {kind} `{name}`",
        "first_password": "first password of `{name}`, shown this once: {password}",
    },
    "zh": {
        "account": "账户",
        "owner": "责任人",
        "branch": "机构",
        "level": "级别",
        "state": "状态",
        "rights": "权限",
        "last_sign_in": "最近登录",
        "session": "会话",
        "began": "开始",
        "used": "最近使用",
        "ends": "结束",
        "address": "地址",
        "factors": "因素",
        "limited": "{factors}（受限）",
        "state_reason": "{state}：{reason}",
        "may": "可做：{rights}",
        "nothing": "无",
        "factors_line": "因素：{factors}；剩余恢复码：{left}",
        "none": "无",
        "identity": "身份：{issuer} 的 {subject}",
        "device": "设备：{name}，最近 {time} 自 {address}",
        "no_name": "（未命名）",
        "here": "本机",
        "joined": "、",
        "ask_token": "令牌",
        "ask_new": "新口令",
        "ask_again": "再输入一次",
        "ask_before": "原口令",
        "ask_password": "口令",
        "ask_code": "验证码（没有则留空）",
        "ask_shown": "验证器显示的验证码",
        "first_made": "已建立账户 `{name}`；登录：pdp login {name}",
        "password_changed": "已更换口令；其他会话已结束",
        "totp_uri": "供验证器使用，只显示一次：{uri}",
        "totp_done": "一次性口令自此生效；恢复码各用一次，只显示这一次：",
        "signed_in": "已登录为 `{name}`，至 {time}",
        "must_change": "须先更换口令：pdp account password",
        "must_factor": "须先设置第二因素：pdp account totp",
        "reading_only": "您的权限逾期未复核，在他人确认之前只能读取：pdp account confirm {name}",
        "signed_out": "已退出",
        "session_ends": "会话 {id} 至 {time}",
        "session_ended": "已结束会话 {id}",
        "browser": "请在浏览器中于{label}登录；浏览器未打开时请在 {minutes} 分钟内自行打开：",
        "open": "请在 {minutes} 分钟内用本机的浏览器打开，于{label}登录：",
        "provider": "身份提供方",
        "page_title": "Jingxi",
        "page_done": "身份提供方已答复。请回到终端；此页可以关闭。",
        "page_failed": "身份提供方未让您登录。终端中有说明；此页可以关闭。",
        "page_other": "这不是此处等待的登录。",
        "late": "{seconds} 秒内无人于{label}登录；请重新运行 `pdp login --oidc`",
        "said_no": "{label}未让您登录：{error}",
        "no_port": "无法监听 127.0.0.1:{port}：{reason}；请另选 `--port`",
        "locked": "已锁定 `{name}`",
        "unlocked": "已解锁 `{name}`",
        "request": "申请",
        "what": "事项",
        "level_and_rights": "级别与权限",
        "risk": "风险",
        "steps": "经过",
        "asked_now": "已申请：{id}，{kind} `{name}`",
        "reviewed_now": "已复核：{id}，{kind} `{name}`",
        "approved_now": "已批准：{id}，{kind} `{name}`",
        "refused_now": "已拒绝：{id}，{kind} `{name}`",
        "done_now": "已执行：{id}，{kind} `{name}`",
        "first_password": "`{name}` 的初始口令，只显示这一次：{password}",
    },
}

STATES: Final = {
    account_pb2.ACCOUNT_STATE_ACTIVE: ("有效", "active"),
    account_pb2.ACCOUNT_STATE_LOCKED: ("已锁定", "locked"),
    account_pb2.ACCOUNT_STATE_CLOSED: ("已注销", "closed"),
}
KINDS: Final = {
    account_pb2.REQUEST_KIND_CREATE: ("新建", "create"),
    account_pb2.REQUEST_KIND_CHANGE: ("变更", "change"),
    account_pb2.REQUEST_KIND_CLOSE: ("注销", "close"),
    account_pb2.REQUEST_KIND_RESET: ("重置", "reset"),
}
REQUEST_STATES: Final = {
    account_pb2.REQUEST_STATE_ASKED: ("已申请", "asked"),
    account_pb2.REQUEST_STATE_REVIEWED: ("已复核", "reviewed"),
    account_pb2.REQUEST_STATE_APPROVED: ("已批准", "approved"),
    account_pb2.REQUEST_STATE_DONE: ("已执行", "done"),
    account_pb2.REQUEST_STATE_REFUSED: ("已拒绝", "refused"),
}
FACTORS: Final = {
    "password": ("口令", "password"),
    "totp": ("一次性口令", "one-time codes"),
    "recovery": ("恢复码", "recovery code"),
    "certificate": ("证书", "certificate"),
    "oidc": ("身份提供方", "OpenID provider"),
    "oidc-mfa": ("身份提供方的第二因素", "second factor at the provider"),
}


def state_word(account: account_pb2.Account, lang: str) -> str:
    """Return where an account is, in a word."""
    return _one_of(STATES.get(account.state, ("", "")), lang)


def kind_word(kind: account_pb2.RequestKind, lang: str) -> str:
    """Return what a request asks for, in a word."""
    return _one_of(KINDS.get(kind, ("", "")), lang)


def request_state_word(state: account_pb2.RequestState, lang: str) -> str:
    """Return where a request is, in a word."""
    return _one_of(REQUEST_STATES.get(state, ("", "")), lang)


def factor_word(factor: str, lang: str) -> str:
    """Return a factor in words."""
    return _one_of(FACTORS.get(factor, (factor, factor)), lang)


def _one_of(pair: tuple[str, str], lang: str) -> str:
    zh, en = pair
    return zh if lang == "zh" else en
