"""Judges a loaded policy set: resolves names, types conditions, and reports everything that is wrong at once."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pdp.lang import failure, model, resolved
from pdp.lang.analyse import analyse as analyse_rules
from pdp.lang.conditions import Conditions
from pdp.lang.diagnostics import Diagnostic, Diagnostics, Related
from pdp.lang.loader import load_folder
from pdp.masks import catalogue
from pdp.source import SourceFile, Span
from pdp.values import AttributeType

_SCOPE_TYPES = (AttributeType.STRING, AttributeType.INT, AttributeType.BOOL)
_FULL = resolved.Mask("", "full", catalogue.complete("full", {}), model.Label())


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `check_folder` found; `resolved` is None when there are errors."""

    resolved: resolved.ResolvedSet | None
    diagnostics: list[Diagnostic]
    sources: Mapping[str, SourceFile]


def check_folder(path: Path, *, analyse: bool = True) -> CheckResult:
    """Load and check a folder."""
    policy_set, diagnostics = load_folder(path)
    found = check(policy_set, diagnostics, analyse=analyse)
    return CheckResult(found, diagnostics.sorted(), policy_set.sources)


def check(
    policy_set: model.PolicySet, diagnostics: Diagnostics, *, analyse: bool = True, now: int | None = None
) -> resolved.ResolvedSet | None:
    """Check a policy set and add what is wrong to `diagnostics`; return it resolved, or None when there are errors.

    `analyse` also looks for unreachable, shadowed, conflicting and overlapping rules. `now`, in nanoseconds since 1970
    and by default the machine's, is what warnings about dates go by; nothing else does.
    """
    found = _Check(policy_set, diagnostics).run()
    if policy_set.failure_rule is not None:
        failure.judge(policy_set.failure_rule, time.time_ns() if now is None else now, diagnostics)
    if diagnostics.has_errors:
        return None
    if analyse:
        diagnostics.add(analyse_rules(found))
    return found


class _Check:
    def __init__(self, policy_set: model.PolicySet, diagnostics: Diagnostics) -> None:
        self._set = policy_set
        self._out = diagnostics
        self._masks: dict[str, resolved.Mask] = {}
        self._fields: dict[str, resolved.Field] = {}

    def run(self) -> resolved.ResolvedSet:
        for name, spec in self._set.masks.items():
            self._masks[name] = self._spec(spec)
        for field_id, field in self._set.fields.items():
            self._fields[field_id] = self._field(field)
        for message in self._set.message_maps:
            self._message_map(message)
        conditions = Conditions(self._set.attributes, self._out)
        policies = [self._policy(policy, conditions) for policy in self._set.policies]
        self._tests({rule.name for policy in policies for rule in policy.rules})
        return resolved.ResolvedSet(
            attributes=self._set.attributes,
            fields=self._fields,
            masks=self._masks,
            message_maps=self._set.message_maps,
            policies=tuple(sorted(policies, key=lambda p: p.id)),
            tests=self._set.tests,
            sources=self._set.sources,
            failure_rule=self._set.failure_rule,
        )

    def _spec(self, spec: model.MaskSpec) -> resolved.Mask:
        """Complete a mask's parameters; a wrong one stands in as full so that checking can go on."""
        problems = catalogue.validate(spec.algorithm, spec.parameters)
        for problem in problems:
            span = spec.parameter_spans.get(problem.parameter, spec.span)
            self._out.error("bad-mask", problem.message, span, problem.hint)
        if problems:
            return _FULL
        parameters = catalogue.complete(spec.algorithm, spec.parameters)
        return resolved.Mask(spec.name, spec.algorithm, parameters, spec.label)

    def _mask(self, mask: model.MaskRef | model.MaskSpec) -> resolved.Mask:
        if isinstance(mask, model.MaskSpec):
            return self._spec(mask)
        known = self._masks.get(mask.name)
        if known is None:
            hint = _near(mask.name, self._masks, "declare it in a `Masks` document")
            self._out.error("unknown-mask", f"unknown mask `{mask.name}`", mask.span, hint)
            return _FULL
        return known

    def _field(self, field: model.Field) -> resolved.Field:
        default = field.default or self._set.level_defaults.get(field.level, model.Effect.MASK)
        if field.never_unmask and default is model.Effect.UNMASK:
            if field.default is model.Effect.UNMASK:
                message = f"`{field.id}` is never unmasked, but its default is to show it"
                self._out.error("never-unmask", message, field.span, "write `default: mask`")
            default = model.Effect.MASK
        return resolved.Field(
            id=field.id,
            label=field.label,
            level=field.level,
            category=field.category,
            tags=field.tags,
            semantic_type=field.semantic_type,
            mask=self._mask(field.mask) if field.mask else _FULL,
            default=default,
            never_unmask=field.never_unmask,
            span=field.span,
        )

    def _message_map(self, message: model.MessageMap) -> None:
        for part in message.parts:
            for name in part.fields:
                if name not in self._fields:
                    self._unknown_field(name, part.field_spans[name])
            for name in part.attributes:
                span = part.attribute_spans[name]
                known = self._set.attributes.get(name)
                if known is None:
                    hint = _near(name, self._set.attributes, "declare it in an `Attributes` document")
                    self._out.error("unknown-attribute", f"unknown attribute `{name}`", span, hint)
                elif known.builtin and not name.startswith(("action.", "resource.")):
                    message_text = f"`{name}` cannot come out of a message"
                    self._out.error("bad-attribute", message_text, span, "the caller gives it with each request")

    def _unknown_field(self, name: str, span: Span) -> None:
        hint = _near(name, self._fields, "declare it in a `Dictionary` document")
        self._out.error("unknown-field", f"unknown field `{name}`", span, hint)

    def _policy(self, policy: model.Policy, conditions: Conditions) -> resolved.Policy:
        for clause in policy.scope:
            kind = self._set.attributes.get(clause.attribute)
            if kind is None:
                hint = _near(clause.attribute, self._set.attributes, "declare it in an `Attributes` document")
                message = f"unknown attribute `{clause.attribute}`"
                self._out.error("unknown-attribute", message, clause.span, hint)
            elif kind.type not in _SCOPE_TYPES or clause.attribute.startswith("grant."):
                message = f"`{clause.attribute}` cannot be part of a scope"
                hint = "a scope compares texts, whole numbers and booleans; use `when` for other conditions"
                self._out.error("bad-scope", message, clause.span, hint)
        scope = conditions.policy(policy)
        rules = []
        for rule in policy.rules:
            clauses = [c for text in rule.when for c in scope.condition(text)]
            fields = self._selected(rule)
            self._never_unmask(rule, fields)
            rules.append(
                resolved.Rule(
                    name=f"{policy.id}/{rule.id}",
                    id=rule.id,
                    title=rule.title,
                    clauses=tuple(clauses),
                    fields=tuple(fields),
                    effect=rule.effect,
                    mask=self._mask(rule.mask) if rule.mask else None,
                    priority=rule.priority,
                    obligations=rule.obligations,
                    span=rule.span,
                )
            )
        scope.report_unused()
        return resolved.Policy(
            id=policy.id,
            title=policy.title,
            scope=policy.scope,
            variables=tuple(scope.variables),
            rules=tuple(rules),
            span=policy.span,
        )

    def _selected(self, rule: model.Rule) -> list[str]:
        """Return the ids of the fields that a rule speaks about, in the dictionary's order."""
        chosen: set[str] = set()
        for selector in rule.fields:
            matched = self._matching(selector)
            if not matched and not selector.id:
                hint = "no field of the dictionary has it; the rule says nothing there"
                self._out.warning("empty-selector", "the selector matches no field", selector.span, hint)
            chosen |= matched
        for selector in rule.excluded:
            matched = self._matching(selector)
            if matched and matched.isdisjoint(chosen):
                hint = "remove it from `except`"
                self._out.warning("useless-except", "the exception excludes nothing", selector.span, hint)
            chosen -= matched
        if not chosen and rule.fields and not self._out.has_errors:
            self._out.warning("empty-rule", f"rule `{rule.id}` speaks about no field", rule.span, "check `except`")
        return [field_id for field_id in self._fields if field_id in chosen]

    def _matching(self, selector: model.Selector) -> set[str]:
        if selector.id:
            if selector.id not in self._fields:
                self._unknown_field(selector.id, selector.span)
                return set()
            return {selector.id}
        return {
            field.id
            for field in self._fields.values()
            if selector.level in ("", field.level)
            and selector.category in ("", field.category)
            and (not selector.tag or selector.tag in field.tags)
        }

    def _never_unmask(self, rule: model.Rule, fields: Iterable[str]) -> None:
        if rule.effect is not model.Effect.UNMASK:
            return
        forbidden = [f for f in fields if self._fields[f].never_unmask]
        if forbidden:
            names = ", ".join(f"`{name}`" for name in forbidden)
            message = f"rule `{rule.id}` unmasks {names}, which must never be unmasked"
            span = next((s.span for s in rule.fields if s.id in forbidden), rule.span)
            hint = f"leave it out, or write `except: [{', '.join(forbidden)}]`"
            related = Related("declared here", self._fields[forbidden[0]].span)
            self._out.error("never-unmask", message, span, hint, related)

    def _tests(self, rules: set[str]) -> None:
        for suite in self._set.tests:
            for scenario in suite.scenarios:
                for expected in scenario.expected:
                    if expected.mask:
                        self._mask(expected.mask)
                    if expected.rule and expected.rule not in rules:
                        hint = _near(expected.rule, rules, "write `policy/rule`")
                        self._out.error("unknown-rule", f"unknown rule `{expected.rule}`", expected.span, hint)


def _near(name: str, names: Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(name, list(names), 1)
    return f"did you mean `{close[0]}`" if close else otherwise
