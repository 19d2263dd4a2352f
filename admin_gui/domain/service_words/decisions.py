"""Why a decision came out as it did (`pdp/engine`, and what the server adds to a decision)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # runtime.py
    Say("缺少属性", "missing attribute"),
    Say("整数溢出", "integer overflow"),
    Say("除以零", "division by zero"),
    Say("对零取模", "modulus by zero"),
    Say("时间超出范围", "timestamp overflow"),
    Say("小数超出整数的范围", "double out of int range"),
    Say("列表下标越界", "index out of range"),
    Say("映射中没有这个键", "no such key"),
    Say("这些类型之间没有大小次序", "no order between these types"),
    Say("宏中之宏要走过的元素对太多", "too many pairs in nested macros"),
    Say("当地日期超出范围", "local date out of range"),
    # trace.py
    Say("不是公元 1 至 9999 年之内的时间", "is not a time in the years 1 to 9999"),
    Say(
        "不是 1678 至 2261 年之内的时间，快照只能记下这段时间",
        "is not a time in the years 1678 to 2261, which a record can hold",
    ),
    # program.py
    Say("策略集没有声明这个属性", "the policy set does not declare this attribute"),
    Say("字典中没有这个字段，整个遮盖", "the dictionary does not have this field; it is masked in full"),
    Say("另有 {count} 条诊断", "{count} more diagnostics"),
    Say("条件无法判定，因此该规则{why}", "the condition is undecided, so the rule {why}"),
    Say("不显示", "does not unmask"),
    Say("按脱敏处理", "masks"),
    # grants.py
    Say("没有这个授权", "no such grant"),
    Say("该授权此刻无效", "the grant is not valid now"),
    Say("该授权给的是其他主体或资源", "the grant is for another subject or resource"),
    Say(
        "该授权只用于某个应用，而请求没有写明它，或不只写了它",
        "the grant is for an application that the request does not name, or not alone",
    ),
    # server/grants.py
    Say(
        "本节点与控制库失去联系，该授权可能已被收回",
        "this node has not heard from the control store, so it may have been taken back",
    ),
    # server/transports/calls.py
    Say("此刻无法计算该授权的使用次数", "its use cannot be counted now"),
    Say("该授权的使用次数已满", "it was used as often as it may be"),
    # server/staleness.py
    Say(
        "{count} 秒前与控制库最后一次联系，策略可能已有更新",
        "the control store was last heard {count} s ago, so there may be newer policies",
    ),
    # rules.py
    Say("{place}：`{text}` 无法编译：{why}", "{place}: `{text}` cannot be compiled: {why}"),
)
