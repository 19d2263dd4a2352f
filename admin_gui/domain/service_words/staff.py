"""What the staff port itself refuses: rights, sessions, texts and numbers that are named (`pdp/server/staff`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # guard.py
    Say(
        "`{name}` 须先更换口令或设置第二因素：运行 `pdp account password`，再运行 `pdp account totp`",
        "`{name}` must first change the password or set up a second factor; run `pdp account password`, then "
        "`pdp account totp`",
    ),
    Say("任何人都不能调用 {method}", "nobody may call {method}"),
    Say("`{name}` 不能调用 {method}：需要权限 {rights}", "`{name}` may not call {method}; it needs the right {rights}"),
    Say(
        "{why}；其权限复核已逾期，在他人以 `pdp account confirm {name}` 确认之前只能读取",
        "{why}; its rights are overdue for a review, so it may only read until somebody else confirms them by "
        "`pdp account confirm {name}`",
    ),
    # calls.py
    Say(
        "`{name}` 对此应用与机构没有权限 `{right}`",
        "`{name}` has not the right `{right}` for this application and branch",
    ),
    Say("服务正在停止，由其他节点应答", "the server stops; another node answers"),
    Say(
        "`{kind}` 类调用已达服务允许的数量，请先结束一个",
        "there are as many calls of the kind `{kind}` as the server allows; end one first",
    ),
    # control_host.py
    Say("服务正在停止，请改用其他节点", "the server stops; ask another node"),
    Say("超过 {seconds} 秒仍未完成", "it takes longer than {seconds} s"),
    # bounds.py
    Say("缺失", "is missing"),
    Say("此类请求最多 {most} 字节", "a request of this kind may have {most} bytes"),
    # pages of every service; pdp/snapshot/query.py says it, too, and records.py leaves it to this file
    Say("为 {size}，须为 1 至 {most}，0 表示 {usual}", "is {size}, must be 1 to {most}, or 0 for {usual}"),
    # grants.py
    Say("为 {size}，须为 1 至 {most}", "is {size}, must be 1 to {most}"),
    Say(
        "客户同意只能由业务系统在裁决端口登记，见调用方的 `grants`",
        "only business systems record consents, on the decision port; see `grants` of a caller",
    ),
    # cluster.py
    Say("须为不小于 1 的数字", "is a number from 1"),
    Say("须为 0 至 {most}", "is 0 to {most}"),
    Say("最多 {most} 个字符", "has at most {most} characters"),
    # judge.py, impact.py
    Say("文本有错误：{why}", "the text has errors: {why}"),
    Say("文本有错误：{why}；另有 {more} 处", "the text has errors: {why}; and {more} more"),
    # policies.py
    Say(
        "此服务跟随文件夹 `{folder}`，不能在此{why_action}：请修改该文件夹，或不带 `--policies` 启动服务",
        "this server follows the folder `{folder}`, so nobody can {why_action} here; change the folder, or start the "
        "server without `--policies`",
    ),
    Say("发布", "publish"),
    Say("回滚", "roll back"),
    Say(
        "此服务不保存裁决记录，没有可重做的裁决：请设置 `audit`",
        "this server keeps no records of decisions, so there is nothing to make again; set `audit`",
    ),
    # sessions.py
    Say(
        "此节点没有可查登录记录的快照存储，请改用其他节点",
        "this node has no store of records, in which sign-ins would stand; ask another",
    ),
    Say("`{name}` 只能查看自己的{why_what}", "`{name}` may see only their own {why_what}"),
    Say("会话", "sessions"),
    Say("登录记录", "sign-ins"),
    # simulation.py
    Say("有 {count} 项授权，最多 {most} 项", "has {count} grants; give at most {most}"),
    Say("出现了两次", "is there twice"),
    Say("{why}：每项授权须有自己的编号", "{why}; give each grant an id of its own"),
    # snapshots.py
    Say("没有编号为 `{id}` 的记录", "no record has the id `{id}`"),
    Say("必填，最多 {most} 个字符", "is required, at most {most} characters"),
    # texts.py
    Say("必填：版本、草稿、文本或哈希之一", "is required: a revision, a draft, a text or a hash"),
    Say("为 {number}，不是版本号", "is {number}, which is no revision"),
    Say("须为 64 位小写十六进制数字", "is 64 hexadecimal digits in lower case"),
    Say("没有保存哈希为 `{hash}` 的文本", "no text with the hash `{hash}` is kept"),
    # throttle.py
    Say(
        "从此地址登录失败的次数过多，请等待 {seconds} 秒",
        "too many sign-ins failed from this address; wait {seconds} s",
    ),
    # status.py
    Say(
        "控制库没有应答：请先查看是否已完成，再重试",
        "the control store does not answer; look whether it was done before trying again",
    ),
    Say(
        "快照存储没有应答，或没有按时应答：请缩小范围（例如一天），或重试",
        "the store of records does not answer, or not in time; ask for less, such as of one day, or try again",
    ),
    Say(
        "裁决无法留下记录，因此不予应答：请改用其他节点",
        "the decision cannot be recorded, so it is not answered; ask another node",
    ),
    Say(
        "服务端内部错误，详情见服务日志中的 {incident}", "internal error; the server's log tells more under {incident}"
    ),
)
