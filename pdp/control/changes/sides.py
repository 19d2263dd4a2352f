"""One of two policy sets that are compared: its parts by name, what rules ask of whom, what it can show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from pdp.control.changes.expressions import SUBJECT, VARIABLE, Checked, Expressions
from pdp.v1 import bundle_pb2, types_pb2

_UNMASK = types_pb2.EFFECT_UNMASK
ALWAYS: Final = -(2**31) - 1
"""Below every priority: what is shown whenever no rule masks it."""
_MAX_ALTERNATIVES = 4

_NOTHING = bundle_pb2.Bundle()


class Clause(NamedTuple):
    """A condition of a rule: what it is, and in words."""

    expression: Checked
    zh: str
    en: str


class NamedRule(NamedTuple):
    """A rule with its policy, and what is asked of it often: its fields, and whether it shows them in clear."""

    policy: bundle_pb2.Policy
    rule: bundle_pb2.Rule
    fields: tuple[str, ...]
    unmasks: bool


class Side:
    """A policy set, empty for None."""

    def __init__(self, bundle: bundle_pb2.Bundle | None, expressions: Expressions) -> None:
        bundle = bundle or _NOTHING
        self._expressions = expressions
        self.policies = {policy.id: policy for policy in bundle.policies}
        self.rules: dict[str, NamedRule] = {}
        for policy_id, policy in self.policies.items():
            for rule in policy.rules:
                # A slice is a list at once; the items one by one take twice as long.
                found = NamedRule(policy, rule, tuple(rule.fields[:]), rule.effect == _UNMASK)
                self.rules[f"{policy_id}/{rule.id}"] = found
        self.fields = {field.id: field for field in bundle.fields}
        self.attributes = {attribute.name: attribute for attribute in bundle.attributes}
        self.masks = {mask.name: mask for mask in bundle.masks}
        self.message_maps = {f"{message.application}/{message.name}": message for message in bundle.message_maps}
        self.golden_cases = {case.name: case for case in bundle.golden_cases}
        self.failure_rule = bundle.failure_rule if bundle.HasField("failure_rule") else None
        self._variables = {
            policy.id: {variable.name: variable.expression for variable in policy.variables}
            for policy in bundle.policies
        }
        self._names: dict[str, frozenset[str]] = {}
        self._clauses: dict[str, list[Clause]] = {}
        self._scopes_on_subject: dict[str, list[tuple[str, str]]] = {}
        self._lowest = {
            name: ALWAYS
            for name, field in self.fields.items()
            if field.default_effect == _UNMASK and not field.never_unmask
        }
        for found in self.rules.values():
            if found.unmasks:
                for name in found.fields:
                    if self.unmaskable(name):
                        self._lowest[name] = min(self._lowest.get(name, found.rule.priority), found.rule.priority)

    # What can be shown

    def unmaskable(self, field: str) -> bool:
        """Whether a rule may ever show the field."""
        known = self.fields.get(field)
        return known is not None and not known.never_unmask

    @property
    def passing(self) -> frozenset[str]:
        """The fields that clients show as they are while they have no verdict."""
        if self.failure_rule is None:
            return frozenset()
        levels = frozenset(self.failure_rule.pass_levels)
        return frozenset(
            name for name, field in self.fields.items() if field.level in levels and not field.never_unmask
        )

    def shows_below(self, field: str, priority: int) -> bool:
        """Whether the field can be shown where a rule that masks it with this priority does not hold.

        A rule that shows it with a higher priority does so already.
        """
        lowest = self._lowest.get(field)
        return lowest is not None and lowest <= priority

    # What rules ask

    def variables(self, policy: str) -> dict[str, bundle_pb2.Expression]:
        """Return a policy's variables by name."""
        return self._variables.get(policy, {})

    def clauses(self, name: str) -> list[Clause]:
        """Return the conditions of a rule, its policy's scope apart."""
        known = self._clauses.get(name)
        if known is None:
            known = self._clauses[name] = []
            for message in self.rules[name].rule.when:
                sentence = message.sentence
                known.append(Clause(self._expressions.of(message), sentence.zh, sentence.en))
        return known

    def names(self, policy: str, expression: Checked) -> frozenset[str]:
        """Return the attributes that an expression of a policy names, itself and through variables."""
        found = expression.names
        if not expression.names_variables:
            return found
        variables = self.variables(policy)
        seen: set[str] = set()
        waiting = list(found)
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            variable = variables.get(name.removeprefix(VARIABLE)) if name.startswith(VARIABLE) else None
            if variable is not None:
                waiting += self._expressions.of(variable).names
        return frozenset(name for name in seen if not name.startswith(VARIABLE))

    def used(self, name: str) -> frozenset[str]:
        """Return the attributes that a rule depends on, with those of its policy's scope."""
        known = self._names.get(name)
        if known is None:
            policy = self.rules[name].policy
            parts = [self.names(policy.id, clause.expression) for clause in self.clauses(name)]
            known = frozenset({clause.attribute for clause in policy.scope}.union(*parts))
            self._names[name] = known
        return known

    def needs_grant(self, name: str) -> bool:
        """Whether a rule holds under a grant only, or only without one."""
        return any(attribute.startswith("grant.") for attribute in self.used(name))

    def clauses_on_subject(self, name: str) -> list[tuple[str, str]]:
        """Return what a rule asks of the subject, in words (zh, en); empty when it holds for everybody."""
        policy = self.rules[name].policy
        said = self._scopes_on_subject.get(policy.id)
        if said is None:
            said = self._scopes_on_subject[policy.id] = [
                (clause.sentence.zh, clause.sentence.en)
                for clause in policy.scope
                if clause.attribute.startswith(SUBJECT)
            ]
        return [
            *said,
            *((zh, en) for expression, zh, en in self.clauses(name) if self._asks_subject(policy.id, expression)),
        ]

    def _asks_subject(self, policy: str, expression: Checked) -> bool:
        if expression.names_variables:
            return any(name.startswith(SUBJECT) for name in self.names(policy, expression))
        return expression.names_subject


def who(rules: Iterable[tuple[Side, str]]) -> types_pb2.LocalizedText | None:
    """Return whom rules can concern, in words; None for everybody, also where that would be too long to say."""
    alternatives: dict[tuple[str, str], None] = {}
    for side, name in rules:
        clauses = side.clauses_on_subject(name)
        if not clauses:
            return None
        alternatives["，且".join([zh for zh, _ in clauses]), " and ".join([en for _, en in clauses])] = None
        if len(alternatives) > _MAX_ALTERNATIVES:
            return None
    if not alternatives:
        return None
    zh, en = zip(*alternatives, strict=True)
    return types_pb2.LocalizedText(zh="；或".join(zh), en="; or ".join(en))
