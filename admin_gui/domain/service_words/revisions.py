"""What is refused in drafting, publishing and rolling out (`pdp/control`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # blobs.py
    Say("共 {size} 字节，控制库最多保存 {most} 字节", "it has {size} bytes; the control store keeps at most {most}"),
    Say("控制库中没有 `{name}`", "the control store does not hold `{name}`"),
    Say("控制库缺少 `{name}` 的第 {number} 块", "piece {number} of `{name}` is gone from the control store"),
    Say("控制库中的 `{name}` 已损坏或被篡改", "what the control store holds as `{name}` was damaged or altered"),
    # changes/__init__.py
    Say("{files} 的行改动过多，不予显示", "the lines of {files} changed too much to be shown"),
    Say("文本有错误，无法说明修改的含义", "what the change means cannot be told, for the {which} text has errors"),
    # desk.py
    Say("没有草稿 `{name}`，可能已被删除", "there is no draft `{name}`; somebody may have deleted it"),
    Say(
        "`{actor}` 已于 {time} 将草稿 `{name}` 发布为版本 {revision}",
        "`{actor}` published the draft `{name}` as revision {revision} at {time}",
    ),
    Say(
        "此刻他人正在反复修改同一内容，请查看后重试",
        "others change the same at this moment, again and again; look, and try again",
    ),
    Say("草稿 `{name}` 已被修改", "the draft `{name}` has changed"),
    Say("已有草稿 `{name}`", "there is a draft `{name}` already"),
    Say(
        "{why}：`{actor}` 已于 {time} 改为第 {version} 版，没有覆盖任何内容：请读取后并入您的修改",
        "{why}: `{actor}` {done} it at {time} as version {version}; nothing was overwritten: read it, and bring your "
        "change in",
    ),
    # drafts.py
    Say("没有草稿 `{name}`", "there is no draft `{name}`"),
    Say(
        "须以字母或数字开头，其后为字母、数字、`.`、`-` 或 `_`，最多 64 个字符",
        "is a letter or digit and then letters, digits, `.`, `-` or `_`, at most 64",
    ),
    Say(
        "草稿 `{name}` 已不存在：有人删除了它，请另存为新草稿",
        "the draft `{name}` is gone: somebody deleted it; save it as a new one",
    ),
    Say(
        "`{actor}` 已于 {time} 提交草稿 `{name}`，请先将其退回",
        "`{actor}` handed the draft `{name}` in at {time}; have it returned first",
    ),
    Say("草稿 `{name}` 已经提交", "the draft `{name}` was handed in already"),
    Say(
        "草稿 `{name}` 尚未提交，可直接修改",
        "the draft `{name}` was not handed in, so it can be changed as it is",
    ),
    Say("草稿 `{name}` 尚未提交，请先提交", "the draft `{name}` was not handed in; submit it first"),
    Say(
        "`{actor}` 参与了草稿 `{name}`，须由他人批准",
        "`{actor}` worked on the draft `{name}`, and somebody else has to approve it",
    ),
    Say("草稿 `{name}` 已不存在：刚被删除", "the draft `{name}` is gone: somebody deleted it at this moment"),
    Say(
        "草稿 `{name}` 所需的内容刚被移出控制库，请重试",
        "what the draft `{name}` needs was removed from the store at this moment; try again",
    ),
    # history.py
    Say("还没有任何版本生效", "nothing is in force yet"),
    # keeping.py
    Say("控制库保存文本耗时过长，请重试", "the control store takes too long to keep a text; try again"),
    # published.py
    Say("没有版本 {revision}", "there is no revision {revision}"),
    # revisions.py
    Say(
        "草稿 `{name}` 的现有文本尚无编写者以外的人批准：请以 `pdp policy approve` 批准，或以 `--emergency` 紧急发布",
        "nobody but its authors approved the draft `{name}` as it is; have it approved with `pdp policy approve`, or "
        "publish in an emergency with `--emergency`",
    ),
    Say(
        "草稿 `{name}` 始于版本 {base}，而现行版本为 {head}：请将其退回，更新到现行版本，并以 {head} 为基础保存",
        "the draft `{name}` was begun from revision {base}, and revision {head} is in force: have it returned, bring "
        "it up to date, and save it with base {head}",
    ),
    Say(
        "没有可供灰度退回的现行版本，首个版本请直接全面发布",
        "nothing is in force that a rollout could fall back to; publish the first one everywhere",
    ),
    Say(
        "版本 {old} 的文本正在生效，即版本 {present}",
        "the text of revision {old} is in force already, as revision {present}",
    ),
    Say("版本 {revision} 之前没有其他文本生效过", "before revision {revision} nothing else was in force"),
    Say(
        "版本 {revision} 在全面生效前已被撤回：要恢复，请将其文本存为草稿",
        "revision {revision} was stopped before it took force; save its text as a draft to bring it back",
    ),
    Say(
        "此节点没有签署版本的密钥：请在有密钥的节点发布，或设置 `control.signing_key`",
        "this node has no key to sign revisions by; publish on one that has, or set `control.signing_key`",
    ),
    Say(
        "`{actor}` 于 {time} 开始的版本 {revision} 灰度仍在进行，请先使其全面生效或撤回",
        "the rollout of revision {revision} runs, which `{actor}` began at {time}; promote or stop it first",
    ),
    # rollouts.py
    Say("还没有过灰度", "there was no rollout yet"),
    Say(
        "版本 {revision} 的灰度已经结束：`{actor}` 已于 {time} {why_done}",
        "the rollout of revision {revision} does not run any more: `{actor}` {why_done} it at {time}",
    ),
    Say("使其全面生效", "promoted"),
    Say("将其撤回", "stopped"),
    Say(
        "正在灰度的是版本 {running}，不是 {asked}，请先查看",
        "the rollout that runs is of revision {running}, not {asked}; look at it first",
    ),
    Say("请至少写一个先行节点的标签", "name at least one label of the nodes that go first"),
    Say("为 {sample}，须为 0 至 1，0 表示 {usual}", "is {sample}, must be 0 to 1; 0 for {usual}"),
    Say("为 {share}，须为 0 至 1", "is {share}, must be 0 to 1"),
    Say("为 {count}，不得为负", "is {count}, must not be negative"),
    Say("有 {count} 个标签，最多 {most} 个", "has {count} labels, at most {most}"),
    Say(
        "标签须有名称，名称与值各最多 {most} 个字符",
        "a label has a name, and at most {most} characters in name and value",
    ),
    # node.py and shadowing.py, which stop a rollout by themselves
    Say("节点 {node} 拒绝该版本（{code}）：{why}", "node {node} refuses it ({code}): {why}"),
    Say(
        "{compared} 次对比裁决中有 {differing} 次不同（{share}），上限为 {most}",
        "{differing} of {compared} compared decisions differ ({share}), and {most} may",
    ),
    # steps.py
    Say("必填", "is required"),
    Say("有 {count} 个字符，最多保存 {most} 个", "has {count} characters, at most {most} are kept"),
    # sources/text.py
    Say("`{path}` 出现了两次", "`{path}` is there twice"),
    Say("文件超过 {most} 个", "there are more than {most} files"),
    Say("`{path}` 的文本无法以 UTF-8 表示", "`{path}` is not text that UTF-8 can hold"),
    Say(
        "没有策略文件：文件名须以 `.yaml` 或 `.yml` 结尾，且不以点开头",
        "there is no policy file; they end in `.yaml` or `.yml` and do not begin with a dot",
    ),
    Say(
        "`{path}` 超过 {most} MiB，请拆分为多个文件",
        "`{path}` is larger than {most} MiB; split it into several files",
    ),
    Say("到 `{path}` 为止的文件合计超过 {most} MiB", "the files up to `{path}` have together more than {most} MiB"),
    Say(
        "`{folder}` 既是文件，又是 `{path}` 所在的文件夹",
        "`{folder}` is a file and the folder of `{path}` at once",
    ),
    Say(
        "`{path}` 不是策略文件的名称：须以 `.yaml` 或 `.yml` 结尾",
        "`{path}` is no name of a policy file; they end in `.yaml` or `.yml`",
    ),
    Say("`{path}` 超出了策略文件夹", "`{path}` leads out of the policy folder"),
    Say(
        "`{path}` 不是策略文件夹下的规范路径：请去掉 `.` 和重复的斜杠",
        "`{path}` is not written as a path below the policy folder; leave out `.` and doubled slashes",
    ),
    Say("`{path}` 以点开头，不会被读取", "`{path}` begins with a dot, so it would not be read"),
    Say(
        "`{path}` 的名称含有反斜杠、控制字符或非 UTF-8 字节，请改名",
        "`{path}` has a backslash, a control character or bytes that are not UTF-8 in its name; rename it",
    ),
    Say(
        "`{path}` 超过 {most} 字节，或其中某一级名称超过 {most_name} 字节",
        "`{path}` is longer than {most} bytes, or a name in it than {most_name}",
    ),
    # changes
    Say(
        "{count} 处变化未列出各部分，因为变化太多",
        "{count} changes are told without their parts, for there are too many",
    ),
    Say("{count} 处变化未列出，因为变化太多", "{count} changes are not told, for there are too many"),
)
