"""What the analysis finds about rules that meet, for people, and the gaps that no rule closes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.form import entries, request_of, value_of
from admin_gui.domain.policy_text.table import Test, clauses, parse
from admin_gui.domain.say import Say
from admin_gui.domain.scenario import Scenario
from admin_gui.domain.service_words import said
from jingxi_client._gen.pdp.v1 import bundle_pb2, policy_service_pb2

KINDS: Final[Mapping[str, Say]] = {
    "conflicting-rules": Say("冲突", "conflict"),
    "shadowed-rule": Say("被遮蔽", "shadowed"),
    "unreachable-rule": Say("永不成立", "never applies"),
    "gap": Say("空白", "gap"),
    "overlapping-rules": Say("重叠", "overlap"),
    "redundant-rule": Say("多余", "redundant"),
    "unproven-conflict": Say("可能冲突", "possible conflict"),
    "rule-not-analysed": Say("未分析", "not analysed"),
    "analysis-budget": Say("未分析完", "not finished"),
}
MEANINGS: Final[Mapping[str, Say]] = {
    "conflicting-rules": Say("优先级相同而结果不同，取较严的一条", "one priority, other verdicts: the stricter wins"),
    "shadowed-rule": Say("凡适用处都被其他规则盖过，从不起作用", "wherever it applies others decide: it never does"),
    "unreachable-rule": Say("条件自相矛盾，没有请求能满足", "its conditions contradict each other"),
    "overlapping-rules": Say("两条都适用时由优先级高的决定", "where both apply the higher priority decides"),
    "redundant-rule": Say("没有它结果也相同", "the outcome is the same without it"),
    "unproven-conflict": Say("优先级相同而结果不同，未能证明会相遇", "one priority, other verdicts; they may meet"),
    "rule-not-analysed": Say("条件过于复杂，未纳入分析", "its condition is too complex to be analysed"),
    "analysis-budget": Say("达到分析上限，可能还有未列出的", "the limit of work was reached; there may be more"),
}  # fmt: skip
WARNINGS: Final = ("conflicting-rules", "shadowed-rule", "unreachable-rule")
_GAP: Final = Say(
    "“{attribute}”为 {values} 时，没有规则涉及 {fields}，按字典默认处理",
    "no rule speaks of {fields} when the {attribute} is {values}: the dictionary decides",
)
_COUNTEREXAMPLE: Final = Say("反例：{kind} {rules}", "counterexample: {kind} {rules}")
_MOST_GAPS: Final = 200
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding with its rules as `policy/rule`; `place` is `file:line:column`. `scenario` shows it."""

    kind: str
    rules: tuple[str, ...]
    what: Say
    details: Say
    place: str
    scenario: Scenario | None


def findings(answer: Iterable[policy_service_pb2.Problem], bundle: bundle_pb2.Bundle | None) -> list[Finding]:
    """Return what an analysis found, the worst first; with what the text means, also the gaps."""
    names = {} if bundle is None else _names(bundle)
    found = []
    for problem in answer:
        if problem.code not in KINDS:
            continue
        places = [problem.place, *problem.related]
        rules = tuple(dict.fromkeys(name for at in places if (name := names.get((at.path, at.line))) is not None))
        title = _COUNTEREXAMPLE.filled(kind=KINDS[problem.code], rules=", ".join(rules))
        scenario = _scenario(title, problem.counterexample) if problem.HasField("counterexample") else None
        place = f"{problem.place.path}:{problem.place.line}:{problem.place.column}"
        found.append(Finding(problem.code, rules, MEANINGS[problem.code], said(problem.message), place, scenario))
    if bundle is not None:
        found += gaps(bundle)
    order = list(KINDS)
    return sorted(found, key=lambda one: order.index(one.kind))


def gaps(bundle: bundle_pb2.Bundle) -> list[Finding]:
    """Return the allowed values of attributes for which no rule of a policy speaks of fields that it speaks of else.

    An attribute counts where every rule of a field compares it with constants, and two thirds of its values are taken:
    each is a gap, and there may be more.
    """
    allowed = {
        found.name: {str(value_of(one.value)): Say(one.label.zh, one.label.en) for one in found.allowed_values}
        for found in bundle.attributes
        if found.allowed_values
    }
    labels = {found.id: Say(found.label.zh, found.label.en) for found in bundle.fields}
    attributes = {found.name: Say(found.label.zh, found.label.en) for found in bundle.attributes}
    result: list[Finding] = []
    for policy in bundle.policies:
        scope = {clause.attribute: [value_of(value) for value in clause.values] for clause in policy.scope}
        for (name, missing), fields in _missing(policy, allowed, scope).items():
            values = _some(
                [allowed[name][value] if any(allowed[name][value]) else Say(value, value) for value in missing]
            )
            said = _some([labels.get(field) or Say(field, field) for field in fields])
            what = _GAP.filled(attribute=attributes.get(name) or name, values=values, fields=said)
            place = policy.rules[0].location if policy.rules else ""
            scenario = _gap_scenario(
                bundle, what, {key: held[0] for key, held in scope.items()}, name, missing[0], fields
            )
            result.append(Finding("gap", (policy.id,), what, Say("", ""), place, scenario))
    return result[:_MOST_GAPS]


def _missing(
    policy: bundle_pb2.Policy, allowed: Mapping[str, Mapping[str, Say]], scope: Mapping[str, list[object]]
) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """Return the fields for each attribute and its values that no rule takes."""
    compared = [_compared(rule) for rule in policy.rules]
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for field in dict.fromkeys(field for rule in policy.rules for field in rule.fields):
        mine = [tests for rule, tests in zip(policy.rules, compared, strict=True) if field in rule.fields]
        for name in {name for tests in mine for name in tests} & set(allowed):
            if not all(name in tests for tests in mine):
                continue
            within = set(map(str, scope[name])) if name in scope else set(allowed[name])
            left = [
                value for value in allowed[name]
                if value in within and not any(all(_holds(test, value) for test in tests[name]) for tests in mine)
            ]  # fmt: skip
            # Rules that take few of many values, such as menus, are not meant to take them all.
            if 0 < len(left) <= (len(within) - len(left)) // 2:
                found.setdefault((name, tuple(left)), []).append(field)
    return found


def _compared(rule: bundle_pb2.Rule) -> dict[str, list[Test]]:
    tests: dict[str, list[Test]] = {}
    for expression in rule.when:
        for clause in clauses(expression.text):
            if (test := parse(clause)) is not None:
                tests.setdefault(test.attribute, []).append(test)
    return tests


def _holds(test: Test, value: str) -> bool:
    """Whether a test may hold for a value."""
    constants = [one[1:-1] if one[:1] in "\"'" else one for one in test.constants]
    if test.operator in ("==", "in", "has"):
        return value in constants
    if test.operator == "!=":
        return value not in constants
    try:
        held, bound = float(value), float(constants[0])
    except ValueError:
        return True
    return {"<": held < bound, "<=": held <= bound, ">": held > bound, ">=": held >= bound}[test.operator]


def _gap_scenario(
    bundle: bundle_pb2.Bundle, title: Say, scope: dict[str, object], name: str, value: str, fields: list[str]
) -> Scenario | None:
    lines = entries(bundle)
    entry = next((line for line in lines if line.name == name), None)
    if entry is None:
        return None
    held = next((choice.value for choice in entry.choices if str(choice.value) == value), value)
    values = {**scope, name: [held] if entry.is_list else held}
    values.setdefault("subject.id", "T1001")
    try:
        return Scenario(title, request_of(lines, values, fields[:8]).SerializeToString())
    except (ValueError, TypeError):
        return None


def _scenario(title: Say, shown: policy_service_pb2.Counterexample) -> Scenario:
    now = shown.now.ToNanoseconds() if shown.HasField("now") else None
    return Scenario(
        title, shown.request.SerializeToString(), now, tuple(grant.SerializeToString() for grant in shown.grants)
    )


def _names(bundle: bundle_pb2.Bundle) -> dict[tuple[str, int], str]:
    found = {}
    for policy in bundle.policies:
        for rule in policy.rules:
            path, line, _ = rule.location.rsplit(":", 2)
            found[path, int(line)] = f"{policy.id}/{rule.id}"
    return found


def _some(says: list[Say]) -> Say:
    shown, more = says[:_MOST_NAMED], len(says) - _MOST_NAMED
    zh, en = "、".join(one.zh or one.en for one in shown), ", ".join(one.en or one.zh for one in shown)
    return Say(f"{zh}等 {len(says)} 项", f"{en} and {more} more") if more > 0 else Say(zh, en)
