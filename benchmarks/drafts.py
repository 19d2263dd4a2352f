"""Policy sets as somebody is about to change them: one menu, the whole bank, or everything at once."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

from conditions import AtLeast, Condition, Not
from policy_sets import Policy, Rule, RuleSet

from pdp.engine import bundle
from pdp.lang.check import check_folder
from pdp.lang.resolved import ResolvedSet
from pdp.v1 import bundle_pb2

# Levels go to 5; a rule that asks for more is another rule, and never applies.
_RAISED = 5


def built(rule_set: RuleSet) -> bundle_pb2.SignedBundle:
    """Return the bundle of a set, unsigned."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in rule_set.texts().items():
            place = Path(folder) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        return built_folder(Path(folder))


def built_folder(folder: Path) -> bundle_pb2.SignedBundle:
    """Return the bundle of a folder, unsigned."""
    found = check_folder(folder, analyse=False).resolved
    assert isinstance(found, ResolvedSet)
    return bundle.build(found)


def one_menu(rule_set: RuleSet) -> RuleSet:
    """Return the set with other levels in the rules of one menu."""
    menu = next(policy.id for policy in rule_set.policies if policy.menus)
    return _changed(rule_set, lambda policy: policy.id == menu, _raised)


def bank_wide(rule_set: RuleSet) -> RuleSet:
    """Return the set with rules of the whole bank that hold for more: their last condition is gone."""
    return _changed(rule_set, lambda policy: not policy.menus, _loosened)


def everything(rule_set: RuleSet) -> RuleSet:
    """Return the set with another level in every menu's rule, and a condition more in every rule, no two alike."""
    raised = _changed(rule_set, lambda policy: bool(policy.menus), _raised)
    amounts = iter(range(1, rule_set.size + 1))
    return _changed(raised, lambda _: True, lambda rule: _with_cel(rule, f"resource.balance != {next(amounts)}"))


def _changed(rule_set: RuleSet, concerned: Callable[[Policy], bool], change: Callable[[Rule], Rule]) -> RuleSet:
    policies = (
        dataclasses.replace(policy, rules=tuple(map(change, policy.rules))) if concerned(policy) else policy
        for policy in rule_set.policies
    )
    return RuleSet(f"{rule_set.name}-changed", tuple(policies))


def _raised(rule: Rule) -> Rule:
    return dataclasses.replace(rule, conditions=tuple(map(_more, rule.conditions)))


def _more(condition: Condition) -> Condition:
    match condition:
        case AtLeast(attribute, bound) if attribute == "subject.level":
            return AtLeast(attribute, bound + _RAISED)
        case Not(AtLeast() as operand):
            return Not(AtLeast(operand.attribute, operand.bound + _RAISED))
    return condition


def _loosened(rule: Rule) -> Rule:
    return rule if rule.cel or len(rule.conditions) < 2 else dataclasses.replace(rule, conditions=rule.conditions[:-1])


def _with_cel(rule: Rule, clause: str) -> Rule:
    return dataclasses.replace(rule, cel=(*rule.cel, clause))
