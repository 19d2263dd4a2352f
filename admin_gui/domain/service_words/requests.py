"""What is wrong with a request (`pdp/engine/request.py`, `pdp/errors.py`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # request.py
    Say("有 {size} 字节，上限为 {most} 字节", "is {size} bytes large, the limit is {most}"),
    Say("不是有效的 protobuf 消息", "is not a valid protobuf message: {error}"),
    Say("超过 {most} 字节", "is longer than {most} bytes"),
    Say("有 {count} 项，上限为 {most} 项", "has {count} entries, the limit is {most}"),
    Say("合计 {size} 字节，上限为 {most} 字节", "hold {size} bytes, the limit is {most}"),
    # status.py
    Say("第 {column} 列：{why}", "column {column}: {why}"),
    # errors.py
    Say("为 {wanted}，此节点的版本为 {revision}", "is {wanted}, this node has revision {revision}"),
    Say("为 {wanted}，此节点只知道到 {revision} 的授权", "is {wanted}, this node knows the grants of {revision}"),
    Say(
        "此客户端的记录止于编号 {expected} 之前，请从该编号起上报",
        "what is recorded of this client ends before number {expected}; report from there on",
    ),
)
