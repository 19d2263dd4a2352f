"""What the analysis says, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pdp.lang.analyse.axes import Axes, Kind, describe
from pdp.lang.analyse.cubes import MAX_CASES
from pdp.lang.analyse.prepared import Prepared, TooComplex, Unreachable
from pdp.lang.analyse.verdicts import Verdict
from pdp.lang.diagnostics import Diagnostic, Related, Severity
from pdp.lang.expr import attributes_of
from pdp.lang.model import Attribute
from pdp.lang.resolved import Rule
from pdp.source import Span
from pdp.values import cel_literal

_SHOWN: Final = 6


def unreachable(found: Unreachable, axes: Axes, attributes: Mapping[str, Attribute]) -> Diagnostic:
    """A rule that no request can fulfil."""
    clashing = [axes.all[index] for index in sorted(found.clashes)]
    names = list(dict.fromkeys(name for axis in clashing for name in axis.attributes))
    reasons = []
    for axis in clashing:
        allowed = attributes[axis.attributes[0]].allowed if axis.attributes else ()
        if allowed and axis.kind is Kind.ATTRIBUTE:
            kind = attributes[axis.attributes[0]].type.element
            shown = ", ".join(f"`{cel_literal(kind, a.value)}`" for a in allowed[:_SHOWN])
            more = ", …" if len(allowed) > _SHOWN else ""
            reasons.append(f"none of the allowed values of {describe(axis)} ({shown}{more}) fulfils its constraints")
        elif axis.kind is Kind.MEMBER and allowed:
            reasons.append(f"its test {describe(axis)} is never true, because the value is not an allowed one")
        else:
            reasons.append(f"its constraints on {describe(axis)} contradict each other")
    reason = "; ".join(dict.fromkeys(reasons)) or "its condition is always false"
    message = f"rule `{found.rule.name}` can never apply: {reason}"
    return Diagnostic(
        Severity.WARNING, "unreachable-rule", message, found.rule.span,
        "correct the condition or remove the rule", tuple(_constraining(found, names)),
    )  # fmt: skip


def _constraining(found: Unreachable, names: Collection[str]) -> list[Related]:
    """Return the places of the clauses that mention one of the attributes."""
    related = [
        Related(f"the scope constrains `{clause.attribute}` here", clause.span)
        for clause in found.policy.scope
        if clause.attribute in names
    ]
    variables = found.policy.variable_exprs
    for clause in found.rule.clauses:
        mentioned = sorted(attributes_of(clause.expr, variables).intersection(names))
        if mentioned:
            text = " and ".join(f"`{name}`" for name in mentioned)
            related.append(Related(f"{text} constrained here", clause.text.span))
    return related


def shadowed(rule: Prepared, hiders: Sequence[Prepared], request: Mapping[str, Any] | None) -> Diagnostic:
    """A rule that never decides a field."""
    names = ", ".join(f"`{h.rule.name}`" for h in hiders[:_SHOWN])
    more = ", …" if len(hiders) > _SHOWN else ""
    message = (
        f"rule `{rule.rule.name}` never decides anything: wherever it applies to a complete request, it yields to "
        f"{names}{more}"
    )
    return Diagnostic(
        Severity.WARNING, "shadowed-rule", message, rule.rule.span,
        "remove the rule, raise its priority, or narrow the rules that hide it",
        tuple(_see(h, "hides it") for h in hiders[:_SHOWN]), request,
    )  # fmt: skip


def conflicting(
    later: Prepared,
    earlier: Prepared,
    fields: Sequence[str],
    verdicts: tuple[Verdict, Verdict],
    request: Mapping[str, Any],
) -> Diagnostic:
    """Two rules of one priority that say different things; `verdicts` are the later one's and the earlier one's."""
    more = f" (and {_counted(len(fields) - 1, 'more field')})" if len(fields) > 1 else ""
    winner = max(verdicts, key=lambda verdict: verdict.rank)
    message = (
        f"rules `{later.rule.name}` and `{earlier.rule.name}` have the same priority {later.rule.priority} and can "
        f"both apply, but differ on `{fields[0]}`{more}: `{verdicts[0].text}` and `{verdicts[1].text}`; "
        f"`{winner.text}` wins because it is stricter"
    )
    return Diagnostic(
        Severity.WARNING, "conflicting-rules", message, later.rule.span,
        "give one of them a higher priority, or make their conditions exclude each other",
        (_see(earlier, f"says `{verdicts[1].text}`"),), request,
    )  # fmt: skip


def unproven(later: Prepared, earlier: Prepared, fields: Sequence[str], causes: Sequence[str]) -> Diagnostic:
    """Two rules that may conflict, where no request was found that proves it."""
    first, second, priority = later.rule.name, earlier.rule.name, later.rule.priority
    message = (
        f"rules `{first}` and `{second}` have the same priority {priority} and differ on `{fields[0]}`; whether both "
        f"can apply at once was not found out, because of what they ask of {_joined(causes)}"
        if causes
        else f"rules `{first}` and `{second}` have the same priority {priority} and differ on `{fields[0]}`; whether "
        "both can apply at once was not found out"
    )
    return Diagnostic(
        Severity.INFO, "unproven-conflict", message, later.rule.span,
        "give one of them a higher priority if they can meet", (_see(earlier, "may conflict"),),
    )  # fmt: skip


def overlapping(
    lower: Prepared,
    higher: Prepared,
    fields: Sequence[str],
    verdicts: tuple[Verdict, Verdict],
    request: Mapping[str, Any],
) -> Diagnostic:
    """A rule that another one of higher priority overrides in some requests."""
    more = f" (and {_counted(len(fields) - 1, 'more field')})" if len(fields) > 1 else ""
    message = (
        f"rule `{lower.rule.name}` (priority {lower.rule.priority}) is overridden by `{higher.rule.name}` (priority "
        f"{higher.rule.priority}) where both apply: `{verdicts[1].text}` instead of `{verdicts[0].text}` for "
        f"`{fields[0]}`{more}"
    )
    return Diagnostic(
        Severity.INFO, "overlapping-rules", message, lower.rule.span, "", (_see(higher, "overrides it"),), request
    )


def not_listed(code: str, rule: Rule | None, count: int, span: Span) -> Diagnostic:
    """More findings of one kind than are worth listing, about one rule or, at `span`, about any."""
    severity = Severity.WARNING if code == "conflicting-rules" else Severity.INFO
    what = {
        "conflicting-rules": "conflict",
        "overlapping-rules": "overlap",
        "unproven-conflict": "possible conflict",
    }[code]
    about = f"of rule `{rule.name}` " if rule else ""
    verb = "is" if count == 1 else "are"
    message = f"up to {_counted(count, f'more {what}')} {about}{verb} not listed"
    return Diagnostic(severity, code, message, rule.span if rule else span)


def redundant(rule: Prepared) -> Diagnostic:
    """A rule that says what holds without it."""
    message = (
        f"rule `{rule.rule.name}` says what the dictionary says by default, and overrides no rule that says otherwise"
    )
    return Diagnostic(
        Severity.INFO, "redundant-rule", message, rule.rule.span, "remove the rule, or keep it as documentation"
    )


def too_complex(found: TooComplex) -> Diagnostic:
    """A rule that is left out of the analysis."""
    message = f"the condition of rule `{found.rule.name}` has more than {MAX_CASES} alternatives and was not analysed"
    return Diagnostic(
        Severity.INFO, "rule-not-analysed", message, found.rule.span, "split the rule, or simplify its alternatives"
    )


def out_of_budget(span: Span, rules: int) -> Diagnostic:
    """An analysis that stopped early."""
    message = (
        f"the analysis of {rules} rules reached its limit of work: what it reports is right, but shadowed rules, "
        "conflicts and overlaps may be missing"
    )
    return Diagnostic(
        Severity.INFO, "analysis-budget", message, span,
        "confine rules by `scope` or by equality on an attribute, so that fewer of them can meet",
    )  # fmt: skip


def _see(rule: Prepared, what: str) -> Related:
    return Related(f"`{rule.rule.name}` {what}", rule.rule.span)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _joined(parts: Sequence[str]) -> str:
    shown = list(parts[:_SHOWN])
    return ", ".join(shown) + (", …" if len(parts) > _SHOWN else "")
