"""What is refused in asking for grants and deciding on them (`pdp/control/grants`, `pdp/server/grant_calls.py`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # consent.py
    Say(
        "在 {age} 秒之前；客户同意在作出后 {most} 秒内有效，不得早于作出之时",
        "is {age} s ago; a consent counts for {most} s, not before it",
    ),
    Say("调用方 `{caller}` 的条目中没有 `consent_key`", "the caller `{caller}` has no `consent_key` in its entry"),
    Say(
        "签名不是调用方 `{caller}` 对此同意的签名，见 docs/guides/grants.zh-CN.md",
        "the signature is not that of the caller `{caller}` over this consent; see docs/guides/grants.md",
    ),
    # desk.py
    Say("为 `{branch}`，而 `{name}` 的机构为 `{own}`", "is `{branch}`, and that of `{name}` is `{own}`"),
    Say("他人已先行处理，请重新查看", "somebody else was first; look again"),
    Say(
        "他人已先行处理：授权 `{grant}` {why}（`{actor}`）",
        "somebody else was first: grant `{grant}` {why} by `{actor}`",
    ),
    Say(
        "此 `consent_id` 下已登记另一项同意，每项同意须有自己的编号",
        "another consent was recorded under this `consent_id`; give each its own",
    ),
    Say("不是授权编号", "is no id of a grant"),
    Say("没有授权 `{grant}`", "there is no grant `{grant}`"),
    Say("控制库中的记录 `{key}` 已损坏", "the record `{key}` in the control store is damaged"),
    Say("授权 `{grant}` 已过期", "grant `{grant}` has expired"),
    Say("授权 `{grant}` {why}（`{actor}`，{time}）", "grant `{grant}` {why} by `{actor}` at {time}"),
    Say("正待审批", "waits for a decision"),
    Say("已经批准", "was given already"),
    Say("已被拒绝", "was refused"),
    Say("已被收回", "was taken back"),
    Say("已过期", "has expired"),
    Say("已用完次数", "was used as often as it may be"),
    # ids.py
    Say("`{grant}` 不是授权编号", "`{grant}` names no grant"),
    # rules.py
    Say(
        "`{name}` 对应用 `{application}` 中的机构 `{branch}` 没有权限",
        "`{name}` has no authority over the branch `{branch}` in the application `{application}`",
    ),
    Say("任何人都不能审批自己申请的授权", "nobody decides on what they asked for themselves"),
    Say("任何人都不能审批给自己的授权", "nobody decides on what is for themselves"),
    Say("有 {size} 字节，最多保存 {most} 字节", "has {size} bytes, at most {most} are kept"),
    Say("有 {count} 项，最多保存 {most} 项", "has {count} entries, at most {most} are kept"),
    Say("为 `{level}`，不是等级：请写 C1、C2 或 C3", "is `{level}`, and no grade: write C1, C2 or C3"),
    Say("为 {uses}，须为 0 至 {most}", "is {uses}, must be 0 to {most}"),
    Say("字典中没有 `{field}`", "`{field}` is not in the dictionary"),
    Say("`{field}` 永不展示，任何授权都打不开", "`{field}` is never shown, whoever allows it"),
    Say("须为 1 秒至 24 小时", "must be 1 second to 24 hours"),
    # grant_calls.py
    Say(
        "系统只能查看和收回自己申请或登记的授权",
        "a system may only see and take back what it asked for or recorded itself",
    ),
    # errors.py
    Say("授权 {grants} 没有可用的次数", "no use of the grants {grants} is at hand"),
)
