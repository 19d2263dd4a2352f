"""What is refused in administering callers, and what callers are refused (`pdp/control/callers`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # book.py
    Say(
        "已有 {most} 个调用方，达到上限，请先删除一个",
        "there are {most} callers, which are as many as there may be; remove one first",
    ),
    Say(
        "`{name}` 属于调用方 `{caller}`：一张证书只能代表一个调用方",
        "`{name}` belongs to the caller `{caller}`; a certificate tells one caller",
    ),
    Say("没有由控制面管理的调用方 `{caller}`", "there is no managed caller `{caller}`"),
    # desk.py
    Say(
        "已有调用方 `{caller}`：请另选名称，或变更它",
        "there is a caller `{caller}` already; choose another name, or change it",
    ),
    Say("调用方 `{caller}` 已是如此，没有变更", "the caller `{caller}` is so already; nothing changes"),
    Say("调用方 `{caller}` 已经停用", "the caller `{caller}` is disabled already"),
    Say("调用方 `{caller}` 没有停用", "the caller `{caller}` is not disabled"),
    Say(
        "调用方 `{caller}` 已有令牌 `{token}`，请换一个名称",
        "the caller `{caller}` has a token `{token}` already; name it otherwise",
    ),
    Say(
        "调用方 `{caller}` 已有 {most} 个令牌，达到上限，请先吊销一个",
        "the caller `{caller}` has {most} tokens, which is the most; revoke one first",
    ),
    Say(
        "调用方 `{caller}` 没有此编号的令牌，可用 `pdp caller show {caller}` 查看",
        "the caller `{caller}` has no token of this id; look with `pdp caller show {caller}`",
    ),
    Say(
        "此项由 `{name}` 申请，须由他人批准",
        "`{name}` asked for this, and somebody else has to approve it",
    ),
    Say("该变更与所申请的内容不符，请重新申请", "the change is not what was asked for; ask anew"),
    Say("该变更自 {time} 起等待，已过期，请重新申请", "the change has waited since {time}; ask anew"),
    Say(
        "调用方 `{caller}` 在申请之后已有变更，请重新申请",
        "the caller `{caller}` has changed since this was asked for; ask anew",
    ),
    Say(
        "`{caller}` 已有 {count} 项变更待批准，请先批准或拒绝",
        "{count} changes of `{caller}` wait already; have them approved or refused first",
    ),
    Say("没有编号为 `{change}` 的调用方变更", "there is no change `{change}` of a caller"),
    Say("必填：变更所依据的版本", "is required: the version that this was made from"),
    Say(
        "`{actor}` 已于 {time} 将调用方 `{caller}` 变更为第 {version} 版，而此变更依据第 {seen} 版，请查看后重试",
        "`{actor}` changed the caller `{caller}` at {time} to version {version}, and this was made from version "
        "{seen}; look, and try again",
    ),
    Say(
        "`{actor}` {why_done}此变更，不能再{why_word}",
        "`{actor}` {why_done} this already, so nobody can {why_word} it",
    ),
    # rules.py
    Say(
        "须为字母、数字、`.`、`_` 和 `-`，例如 `2026-11`，最多 64 个字符",
        "is letters, digits, `.`, `_` and `-`, such as `2026-11`, at most 64",
    ),
    Say("须为 1 分钟至 3,650 天，留空为永久", "is 1 minute to 3,650 days; leave it out for ever"),
    Say("须为{why_rule}，最多 {most} 个字符", "is {why_rule}, at most {most}"),
    Say("必填：对其负责的人", "is required: the person who answers for it"),
    Say("最多 {most} 项", "are at most {most}"),
    Say("最多 {most} 字节", "has at most {most} bytes"),
    Say("为空，`*` 表示全部", "is empty; write `*` for all"),
    Say("必填：登记客户同意的系统须签署同意", "is required: who records consents must sign them"),
    Say(
        "须为 Ed25519 原始公钥，64 位小写十六进制数字",
        "is a raw Ed25519 public key, 64 lower-case hexadecimal digits",
    ),
    Say("须为每秒 1 至 {most} 次，瞬时亦然", "is 1 to {most} a second, and as many at once"),
    Say(
        "须为一个完整的名称及其类型，例如 `dns:counter.bank.example`",
        "is one exact name with its kind, such as `dns:counter.bank.example`",
    ),
    Say("须为{why_rule}，或以 `*` 表示全部", "is {why_rule}, or `*` for all"),
    Say("须为编号，末尾可有一个 `*`", "is an id that may end in one `*`"),
    Say("须为 {words} 之一", "is one of {words}"),
    # server/callers.py
    Say("调用方 `{caller}` 过于频繁，请等待 {seconds} 秒", "the caller `{caller}` asks too often; wait {seconds} s"),
    Say(
        "调用方 `{caller}` 不得调用 {method}，见其条目的 `calls`、`grants`、`bundles` 和 `reports`",
        "the caller `{caller}` may not call {method}; its entry says so by `calls`, `grants`, `bundles` and `reports`",
    ),
    Say("{place}：调用方 `{caller}` 不得询问 `{asked}`", "{place}: the caller `{caller}` may not ask for `{asked}`"),
    Say("{why}，见其条目的 `subjects`", "{why}; its entry says which `subjects` it may"),
    Say("{why}，见其条目的 `applications`", "{why}; its entry says which `applications` it may"),
    Say(
        "context.application：调用方 `{caller}` 须说明针对哪个应用",
        "context.application: the caller `{caller}` must say for which application it asks",
    ),
    Say("调用方已停用", "the caller is disabled"),
    Say("令牌已停用", "the token is disabled"),
    Say("证书中的名称属于不同的调用方", "the certificate's names belong to different callers"),
    Say(
        "调用中既没有令牌，也没有已知调用方的证书",
        "the call has neither a token nor a certificate of a known caller",
    ),
    Say("令牌未知", "the token is not known"),
    Say("令牌已过期", "the token has expired"),
    Say("令牌与证书属于不同的调用方", "token and certificate belong to different callers"),
    Say(
        "从此地址失败的调用过多，请等待 {seconds} 秒",
        "too many failed calls from this address; wait {seconds} s",
    ),
    Say(
        "{why}：请发送 `authorization: Bearer …`，或出示已知调用方的证书",
        "{why}; send `authorization: Bearer …` or a certificate of a known caller",
    ),
)
