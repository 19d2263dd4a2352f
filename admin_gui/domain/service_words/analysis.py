"""What the analysis of rules finds (`pdp/lang/analyse`)."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say

WORDS: Final[tuple[Say, ...]] = (
    # findings.py
    Say("规则 `{rule}` 永远不会生效：{why}", "rule `{rule}` can never apply: {why}"),
    Say("其条件恒为假", "its condition is always false"),
    Say(
        "{names} 允许的值（{values}{more}）都不满足其条件",
        "none of the allowed values of {names} ({values}{more}) fulfils its constraints",
    ),
    Say(
        "它的 {test} 永不成立，因为该值不在允许之列",
        "its test {test} is never true, because the value is not an allowed one",
    ),
    Say("它对 {names} 的条件自相矛盾", "its constraints on {names} contradict each other"),
    Say("请改正条件，或删除该规则", "correct the condition or remove the rule"),
    Say("`scope` 在此限定 `{name}`", "the scope constrains `{name}` here"),
    Say("在此限定 {names}", "{names} constrained here"),
    Say(
        "规则 `{rule}` 从不起作用：对完整的请求，凡它成立之处都让位于 {names}{more}",
        "rule `{rule}` never decides anything: wherever it applies to a complete request, it yields to {names}{more}",
    ),
    Say(
        "请删除该规则、提高其优先级，或收窄遮蔽它的规则",
        "remove the rule, raise its priority, or narrow the rules that hide it",
    ),
    Say(
        "规则 `{rule}` 与 `{other}` 优先级同为 {priority} 且可能同时成立，但结论不同（如 `{field}`）："
        "`{verdict}` 与 `{other_verdict}`，取较严的 `{winner}`",
        "rules `{rule}` and `{other}` have the same priority {priority} and can both apply, but differ on "
        "`{field}`{more}: `{verdict}` and `{other_verdict}`; `{winner}` wins because it is stricter",
    ),
    Say(
        "请提高其中一条的优先级，或让两者的条件互斥",
        "give one of them a higher priority, or make their conditions exclude each other",
    ),
    Say(
        "规则 `{rule}` 与 `{other}` 优先级同为 {priority}，对 `{field}` 结论不同；未能查明两者会不会同时成立",
        "rules `{rule}` and `{other}` have the same priority {priority} and differ on `{field}`; "
        "whether both can apply at once was not found out",
    ),
    Say(
        "规则 `{rule}` 与 `{other}` 优先级同为 {priority}，对 `{field}` 结论不同；"
        "因它们对 {names} 的要求，未能查明两者会不会同时成立",
        "rules `{rule}` and `{other}` have the same priority {priority} and differ on `{field}`; "
        "whether both can apply at once was not found out, because of what they ask of {names}",
    ),
    Say("若两者会相遇，请提高其中一条的优先级", "give one of them a higher priority if they can meet"),
    Say(
        "规则 `{rule}`（优先级 {priority}）在两者都成立之处被 `{other}`（优先级 {other_priority}）推翻"
        "（如 `{field}`）：取 `{other_verdict}`，而不是 `{verdict}`",
        "rule `{rule}` (priority {priority}) is overridden by `{other}` (priority {other_priority}) where both apply: "
        "`{other_verdict}` instead of `{verdict}` for `{field}`{more}",
    ),
    Say("另有至多 {count} 项同类结果未列出", "up to {count} {about}{verb} not listed"),
    Say(
        "规则 `{rule}` 的结论就是字典的默认，也没有推翻结论不同的规则",
        "rule `{rule}` says what the dictionary says by default, and overrides no rule that says otherwise",
    ),
    Say("请删除该规则，或留作说明", "remove the rule, or keep it as documentation"),
    Say(
        "规则 `{rule}` 的条件超过 {limit} 个分支，未作分析",
        "the condition of rule `{rule}` has more than {limit} alternatives and was not analysed",
    ),
    Say("请拆分规则，或简化其分支", "split the rule, or simplify its alternatives"),
    Say(
        "对 {count} 条规则的分析达到工作量上限：所报告的都对，但被遮蔽的规则、冲突和重叠可能有遗漏",
        "the analysis of {count} rules reached its limit of work: what it reports is right, "
        "but shadowed rules, conflicts and overlaps may be missing",
    ),
    Say(
        "请用 `scope` 或对属性的相等比较限定规则，使会相遇的规则更少",
        "confine rules by `scope` or by equality on an attribute, so that fewer of them can meet",
    ),
)
