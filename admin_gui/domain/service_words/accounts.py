"""What is refused about accounts, their rights, sessions and sign-ins (`pdp/control/accounts`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # book.py
    Say("没有账户 `{name}`", "there is no account `{name}`"),
    Say("`{name}` 不能这样做：需要权限 {rights}", "`{name}` may not do this; it needs the right {rights}"),
    Say(
        "`{name}` 是最后一个能批准权限的活动 Admin，请先另建一个",
        "`{name}` is the last active Admin that may approve rights; make another one first",
    ),
    # confirming.py
    Say("必填：所查看的权限的版本", "is required: that of the rights which were looked at"),
    Say(
        "`{name}` 不能确认自己的权限，须由他人复核",
        "`{name}` cannot confirm their own rights; somebody else has to look at them",
    ),
    Say("账户 `{name}` 已注销，没有权限", "the account `{name}` is closed, and has no rights"),
    Say(
        "账户 `{name}` 在查看之后已有变更：现为第 {now} 版，而非第 {seen} 版，请重新查看",
        "the account `{name}` has changed since it was looked at: it is at version {now}, not {seen}; look again",
    ),
    # credentials.py
    Say(
        "此设备上没有持此令牌的会话，或会话已结束，请以 `pdp login` 登录",
        "there is no session with this token on this device, or it has ended; sign in with `pdp login`",
    ),
    Say("`{name}` 不得在此时间工作", "`{name}` may not work at this time"),
    Say("`{name}` 不得从此网络工作", "`{name}` may not work from this network"),
    Say(
        "此账户没有口令，其持有人以 `pdp login --oidc` 登录",
        "this account has no password; its owner signs in by `pdp login --oidc`",
    ),
    Say("以前用过，请另选一个", "was used before; choose another"),
    Say("口令在此期间已更换，请重新登录", "the password has changed since; sign in again"),
    Say(
        "请以 `pdp login --oidc` 重新登录，并在 {minutes} 分钟内设置验证器",
        "sign in by `pdp login --oidc` anew, and set up one-time codes within {minutes} minutes",
    ),
    Say(
        "尚未开始设置验证器，请运行 `pdp account totp`",
        "no one-time codes were begun; run `pdp account totp`",
    ),
    Say(
        "不是此验证器此刻显示的验证码，请核对其时间",
        "is not what this authenticator shows now; look at its clock",
    ),
    Say("没有会话 `{session}`", "there is no session `{session}`"),
    Say("您没有会话 `{session}`", "there is no session `{session}` of yours"),
    Say(
        "`{name}` 的权限复核已逾期，只能读取：请由他人以 `pdp account confirm {name}` 确认",
        "the rights of `{name}` are overdue for a review, so it may only read; have somebody else confirm them: "
        "`pdp account confirm {name}`",
    ),
    # devices.py
    Say("须为设备所保存的 {count} 个随机字节", "is {count} random bytes that the device keeps"),
    # failures.py
    Say("连续 {count} 次登录失败", "{count} sign-ins failed in a row"),
    # identities.py
    Say(
        "必填：设置中没有身份提供方（`accounts.oidc.issuer`）",
        "is required, for the settings name no provider (`accounts.oidc.issuer`)",
    ),
    Say(
        "不是 `https://id.bank.example/realms/staff` 这样的签发方",
        "is no issuer such as `https://id.bank.example/realms/staff`",
    ),
    Say("须为一行 1 至 {most} 个字符", "is 1 to {most} characters in one line"),
    Say(
        "此身份已属于另一账户，须由其中一方先放弃",
        "another account carries this identity; one of them has to give it up first",
    ),
    # names.py
    Say(
        "须为 1 至 64 个小写字母、数字、`.`、`_`、`-` 和 `@`，以字母或数字开头，且不得为 {reserved}",
        "is 1 to 64 lower-case letters, digits, `.`, `_`, `-` and `@`, begins with a letter or digit, and is none of "
        "{reserved}",
    ),
    Say("须为一行，最多 {most} 个字符", "is at most {most} characters in one line"),
    Say(
        "须以 `low`、`medium` 或 `high` 开头并说明理由，最多 {most} 个字符",
        "begins with `low`, `medium` or `high` and says why, in at most {most} characters",
    ),
    # oidc_sign_in.py
    Say(
        "设置中没有 OpenID 身份提供方（`accounts.oidc.issuer`），请以口令登录",
        "the settings name no OpenID provider (`accounts.oidc.issuer`); sign in by password",
    ),
    # passwords.py
    Say("须有 {least} 至 {most} 个字符", "must have {least} to {most} characters"),
    Say("须包含下列中的 {count} 类：{why_kinds}", "must have {count} of these: {why_kinds}"),
    Say("大写字母、小写字母、数字、其他字符", "upper-case letters, lower-case letters, digits and other characters"),
    Say("不得包含账户名称", "must not contain the account's name"),
    Say("相同字符重复过多", "repeats too few characters too often"),
    Say("此刻登录的人过多，请稍候几秒再试", "too many people sign in at this moment; try again in a few seconds"),
    # permissions.py
    Say("必填：Admin、Manager、User 或 Restricted", "is required: Admin, Manager, User or Restricted"),
    Say("共 {count} 项，最多 {most} 项", "are {count}, at most {most}"),
    Say("级别 `{level}` 不能有权限 `{right}`", "`{right}` is not for the level `{level}`"),
    Say("最多 {most} 个名称，且不得为空", "has at most {most} names, none of them empty"),
    # places.py
    Say(
        "最多 {windows} 个时间段和 {networks} 个网络",
        "has at most {windows} windows and {networks} networks",
    ),
    Say(
        "时刻须为一天中的第 0 至 1,440 分钟，日须为 1 至 7",
        "has minutes of a day, 0 to 1,440, and days from 1 to 7",
    ),
    Say("不是 `10.1.0.0/16` 这样的网络", "is no network such as `10.1.0.0/16`"),
    # raising.py
    Say("按规则锁定：{sign}，请复核异常 {anomaly}", "locked by rule: {sign}; review the anomaly {anomaly}"),
    # requests.py
    Say("必填：create、change、close 或 reset", "is required: create, change, close or reset"),
    Say(
        "已有或曾有账户 `{name}`，请另选名称",
        "there is an account `{name}` already, or was one; choose another name",
    ),
    Say(
        "`{name}` 不能{why_word}关于自己的申请",
        "`{name}` cannot {why_word} a request about themselves",
    ),
    Say(
        "此项由 `{name}` 申请，须由他人{why_word}",
        "`{name}` asked for this, and somebody else has to {why_word} it",
    ),
    Say("复核", "review"),
    Say("批准", "approve"),
    Say("拒绝", "refuse"),
    Say("执行", "carry out"),
    Say("`{name}` 不能执行关于自己的申请", "`{name}` cannot carry out a request about themselves"),
    Say("该申请与所批准的内容不符，请重新申请", "the request is not what was approved; ask anew"),
    Say(
        "账户 `{name}` 在申请之后已有变更，请重新申请",
        "the account `{name}` has changed since this was asked for; ask anew",
    ),
    Say("账户 `{name}` 不是活动账户", "the account `{name}` is not active"),
    Say("`{name}` 不能解锁自己的账户", "`{name}` cannot unlock their own account"),
    Say("账户 `{name}` 已注销，不可恢复", "the account `{name}` is closed, which is for good"),
    Say("账户 `{name}` 没有锁定", "the account `{name}` is not locked"),
    Say("没有申请 `{request}`", "there is no request `{request}`"),
    Say(
        "须为最多 {most} 个 SHA-256 哈希，以小写十六进制书写",
        "are at most {most} SHA-256 hashes in lower-case hexadecimal",
    ),
    Say(
        "账户 `{name}` 已按规则锁定：请复核异常 {anomaly}，复核后随之解锁",
        "the account `{name}` was locked by a rule; review the anomaly {anomaly}, which unlocks it",
    ),
    Say(
        "账户 `{name}` 曾落入他人之手，请先重置其因素：`pdp account ask reset {name}`",
        "somebody else had the account `{name}`; have its factors reset first: `pdp account ask reset {name}`",
    ),
    Say("`{name}` 已批准此申请", "`{name}` approved the request already"),
    Say(
        "该申请{why_state}，现在不能{why_word}",
        "the request is {why_state}, so nobody can {why_word} it now",
    ),
    Say("尚待复核", "asked"),
    Say("已复核，尚待批准", "reviewed"),
    Say("已批准", "approved"),
    Say("已执行", "done"),
    Say("已拒绝", "refused"),
    # reviews.py
    Say("必填：legitimate（正常）或 compromised（被盗用）", "is required: legitimate or compromised"),
    Say("没有异常 `{anomaly}`", "there is no anomaly `{anomaly}`"),
    Say("`{name}` 不能复核自己的行为", "`{name}` cannot review what they did themselves"),
    Say("`{name}` 已复核过", "`{name}` reviewed this already"),
    Say("被盗用：{kind}，由 {name} 复核", "compromised: {kind}, reviewed by {name}"),
    Say("按规则锁定，请复核异常 {anomaly}", "locked by rule; review the anomaly {anomaly}"),
    # sealing.py
    Say(
        "以此节点的 `control.secret_key` 打不开封存的密钥：各节点的须相同",
        "a sealed secret does not open with this node's `control.secret_key`; all nodes need the same",
    ),
    # errors.py
    Say(
        "未能登录：请核对名称或身份、口令、验证码与设备",
        "this does not sign anybody in; look at the name or identity, the password, the code and the device",
    ),
)
