"""Why a node does not decide by a revision, and what is refused about nodes (`pdp/control`, `pdp/engine/bundle.py`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # applying.py
    Say(
        "版本 {revision} 无法存入此节点的磁盘：{reason}",
        "revision {revision} cannot be kept on this node's disk: {reason}",
    ),
    Say("版本 {revision} 不是应当生效的那一个", "revision {revision} is not the one that is to be in force"),
    Say("版本 {revision} 无法读取：{why}", "revision {revision} is not to be read: {why}"),
    Say("版本 {revision}：{why}", "revision {revision}: {why}"),
    Say(
        "版本 {revision} 的策略包有 {size} 字节，节点最多接受 {most} 字节",
        "the bundle of revision {revision} has {size} bytes; a node takes {most}",
    ),
    Say(
        "应生效的是版本 {revision}，而此节点已按版本 {decided} 裁决过：控制库是否由备份恢复？"
        "请继续发布，直到版本号大于 {decided}；或停止此节点并删除 `{path}`",
        "revision {revision} is to be in force, and this node has decided by {decided}; was the control store "
        "restored from a copy? Publish until a revision is higher than {decided}, or stop this node and remove "
        "`{path}`",
    ),
    Say(
        "应生效的是版本 {revision}，而此节点曾按同号的另一版本裁决：控制库是否重新建立过？"
        "请再发布一次，或停止此节点并删除 `{path}`",
        "revision {revision} is to be in force, and this node has decided by another one of this number; was the "
        "control store made anew? Publish once more, or stop this node and remove `{path}`",
    ),
    Say("最近一次正确的版本 `{path}` 与其哈希不符", "the last good revision `{path}` does not match its hash"),
    Say("版本 {revision} 无法编译（{error}）", "revision {revision} cannot be compiled ({error})"),
    # last_good.py
    Say("无法读取最近一次正确的版本 `{path}`：{reason}", "cannot read the last good revision `{path}`: {reason}"),
    Say("最近一次正确的版本 `{path}` 已损坏", "the last good revision `{path}` is damaged"),
    Say("最近一次正确的版本 `{path}` 为空", "the last good revision `{path}` is empty"),
    # node.py
    Say("版本 {revision} 没有生效", "revision {revision} is not in force"),
    # nodes.py
    Say("没有节点 `{node}`", "there is no node `{node}`"),
    Say(
        "节点 `{node}` 并未失联：它仍在运行，移除后会立即重新出现，请先停止它",
        "node `{node}` is not lost: it lives, and would be back at once; stop it first",
    ),
    Say(
        "节点 `{node}` 已恢复，或已被他人移除，请重新查看",
        "node `{node}` is back, or somebody else has forgotten it; look again",
    ),
    # signatures.py
    Say("版本 {revision} 没有签名", "revision {revision} is not signed"),
    Say("`{hash}` 不是哈希", "`{hash}` is no hash"),
    Say(
        "版本 {revision} 由密钥 `{key}` 签署，此节点不信任该密钥：如属贵行，请将其公钥加入 `control.trust`",
        "revision {revision} is signed by the key `{key}`, which this node does not trust; add its public key to "
        "`control.trust` if it is yours",
    ),
    Say("版本 {revision} 的签名不正确", "the signature of revision {revision} is wrong"),
    # engine/bundle.py
    Say(
        "策略包与其哈希不符：已损坏或被篡改",
        "the bundle does not match its hash: it was damaged or altered",
    ),
    Say("策略包无法解码", "the bundle cannot be decoded: {error}"),
    Say(
        "策略包的格式为 {format}，此程序只读格式 {known}",
        "the bundle has format {format}, this program reads format {known}",
    ),
)
