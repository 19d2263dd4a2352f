"""The same rules in other engines that run inside a Python process. How each was encoded: README.md.

Each engine is imported where it is used: their native libraries do not all bear each other in one process.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from conditions import AtLeast, Condition, Not, OneOf, Role, Same, text
from measure import Candidate
from policy_sets import Policy, RuleSet
from policy_sets import Rule as PolicyRule
from samples import FIELD_IDS, NOW, Sample, samples
from workers import Loaded

Verdicts = tuple[bool, ...]

_CONTEXT = ("application", "menu", "channel", "scenario", "terminal")


class Engine(Protocol):
    """An engine that has taken in a rule set."""

    def prepare(self, sample: Sample) -> Any:
        """Return the request in the engine's own form; not timed."""

    def decide(self, prepared: Any) -> Any:
        """Return the engine's own answer for all 12 fields; timed."""

    def verdicts(self, answer: Any) -> Verdicts:
        """Return for each of FIELD_IDS whether it may be shown."""


def load(name: str, rule_set: RuleSet, timed: int, compared: int) -> Loaded:
    """Load the rules into one engine: a candidate that decides `timed` requests, and the verdicts of `compared`."""
    engine = ENGINES[name](rule_set)
    prepared = [engine.prepare(sample) for sample in samples(rule_set, timed)]

    def run() -> None:
        for request in prepared:
            engine.decide(request)

    verdicts = [engine.verdicts(engine.decide(engine.prepare(s))) for s in samples(rule_set, compared)]
    return Loaded({"decide": Candidate(run, timed)}, {"verdicts": verdicts})


class Jingxi:
    """Wire bytes in, wire bytes out."""

    def __init__(self, rule_set: RuleSet) -> None:
        stages, program = importlib.import_module("stages"), importlib.import_module("pdp.engine.program")
        self._program = program.Program.from_bundle(stages.build(rule_set))
        self._types = importlib.import_module("pdp.v1.types_pb2")
        self._service = importlib.import_module("pdp.v1.decision_service_pb2")

    def prepare(self, sample: Sample) -> bytes:
        return sample.payload()

    def decide(self, prepared: bytes) -> Any:
        return self._program.decide(prepared, NOW)

    def verdicts(self, answer: Any) -> Verdicts:
        unmask = self._types.EFFECT_UNMASK
        return tuple([v.effect == unmask for v in self._service.DecideResponse.FromString(answer).verdicts])


class JingxiRead(Jingxi):
    """Wire bytes in, verdicts as Python values out, as the others answer."""

    def decide(self, prepared: bytes) -> Any:
        return super().verdicts(self._program.decide(prepared, NOW))

    def verdicts(self, answer: Any) -> Verdicts:
        return tuple(answer)


class Cedar:
    """Rules as `permit` and `forbid`, fields as actions, one batch of 12 requests."""

    def __init__(self, rule_set: RuleSet) -> None:
        rules = (_cedar_rule(policy, rule) for policy in rule_set.policies for rule in policy.rules)
        cedarpy = importlib.import_module("cedarpy")
        self._decide = cedarpy.is_authorized_batch
        self._policies = cedarpy.PolicySet.from_str("\n".join(rules))

    def prepare(self, sample: Sample) -> tuple[list[dict[str, Any]], str]:
        employee = {"type": "Employee", "id": sample.subject_id}
        customer = {"type": "Customer", "id": sample.resource_id}
        # A context is parsed once for each of the 12 requests, entities once for the batch: so the context stays empty.
        session = {"operation": sample.action} | {name: getattr(sample, name) for name in _CONTEXT}
        entities = [
            {
                "uid": employee,
                "attrs": {"level": sample.level, "branch": sample.branch} | session,
                "parents": [{"type": "Role", "id": role} for role in sample.roles],
            },
            {
                "uid": customer,
                "attrs": {
                    "branch": sample.resource_branch,
                    "customer_class": sample.customer_class,
                    "balance": sample.balance,
                },
                "parents": [],
            },
        ]
        requests = [
            {"principal": employee, "action": {"type": "Action", "id": f}, "resource": customer, "context": "{}"}
            for f in FIELD_IDS
        ]
        return requests, json.dumps(entities)

    def decide(self, prepared: tuple[list[dict[str, Any]], str]) -> Any:
        requests, entities = prepared
        return [result.allowed for result in self._decide(requests, self._policies, entities)]

    def verdicts(self, answer: list[bool]) -> Verdicts:
        return tuple(answer)


def _cedar_rule(policy: Policy, rule: PolicyRule) -> str:
    # A role belongs into the scope of a Cedar policy, where it is cheapest.
    roles = [c for c in rule.conditions if isinstance(c, Role)]
    principal = f"principal in Role::{text(roles[0].role)}" if roles else "principal"
    tests = [_cedar(c) for c in (*_scope(policy), *rule.conditions) if c not in roles[:1]]
    when = f" when {{ {' && '.join(tests)} }}" if tests else ""
    actions = ", ".join(f"Action::{text(f)}" for f in rule.fields)
    return f"{'permit' if rule.unmasks else 'forbid'}({principal}, action in [{actions}], resource){when};"


def _cedar(condition: Condition) -> str:
    def name(attribute: str) -> str:
        root, _, key = attribute.partition(".")
        if root == "resource":
            return attribute
        return "principal.operation" if root == "action" else f"principal.{key}"

    match condition:
        case Role(role):
            return f"principal in Role::{text(role)}"
        case AtLeast(attribute, bound):
            return f"{name(attribute)} >= {bound}"
        case OneOf(attribute, (only,)):
            return f"{name(attribute)} == {text(only)}"
        case OneOf(attribute, values):
            return f"[{', '.join(map(text, values))}].contains({name(attribute)})"
        case Same(left, right):
            return f"{name(left)} == {name(right)}"
        case Not(operand):
            return f"!({_cedar(operand)})"


class Rego:
    """Rules as two partial sets, compiled once; one query answers for all fields."""

    _ENTRY = "masking/unmasked"

    def __init__(self, rule_set: RuleSet) -> None:
        rules = (_rego_rule(policy, rule) for policy in rule_set.policies for rule in policy.rules)
        head = "package masking\n\nunmasked := {f | some f in input.fields; f in shown; not f in hidden}\n"
        regopy = importlib.import_module("regopy")
        self._input: Callable[[Any], Any] = regopy.Input
        self._interpreter = regopy.Interpreter()
        self._interpreter.add_module("masking", head + "\n".join(rules))
        self._bundle = self._interpreter.build(None, [self._ENTRY])

    def prepare(self, sample: Sample) -> Any:
        return self._input(
            {
                "fields": list(FIELD_IDS),
                "subject": {
                    "id": sample.subject_id,
                    "roles": list(sample.roles),
                    "level": sample.level,
                    "branch": sample.branch,
                },
                "action": {"name": sample.action},
                "resource": {
                    "type": "customer",
                    "id": sample.resource_id,
                    "branch": sample.resource_branch,
                    "customer_class": sample.customer_class,
                    "balance": sample.balance,
                },
                "context": {name: getattr(sample, name) for name in _CONTEXT},
            }
        )

    def decide(self, prepared: Any) -> Any:
        self._interpreter.set_input(prepared)
        return self._interpreter.query_bundle_entrypoint(self._bundle, self._ENTRY)[0][0]

    def verdicts(self, answer: list[str]) -> Verdicts:
        return tuple(f in answer for f in FIELD_IDS)


def _rego_rule(policy: Policy, rule: PolicyRule) -> str:
    tests = [_rego(c) for c in (*_scope(policy), *rule.conditions)]
    fields = f"some field in {{{', '.join(map(text, rule.fields))}}}"
    return f"{'shown' if rule.unmasks else 'hidden'} contains field if {{ {'; '.join([*tests, fields])} }}"


def _rego(condition: Condition) -> str:
    match condition:
        case Role(role):
            return f"{text(role)} in input.subject.roles"
        case AtLeast(attribute, bound):
            return f"input.{attribute} >= {bound}"
        case OneOf(attribute, (only,)):
            return f"input.{attribute} == {text(only)}"
        case OneOf(attribute, values):
            return f"input.{attribute} in {{{', '.join(map(text, values))}}}"
        case Same(left, right):
            return f"input.{left} == input.{right}"
        case Not(AtLeast(attribute, bound)):
            return f"input.{attribute} < {bound}"
        case Not(operand):
            return f"not {_rego(operand)}"


_CASBIN_MODEL = """
[request_definition]
r = field, who
[policy_definition]
p = field, condition, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.field == p.field && eval(p.condition)
"""


class Casbin:
    """One policy line a rule and field; the enforcer looks only at the lines of the field."""

    def __init__(self, rule_set: RuleSet) -> None:
        casbin = importlib.import_module("casbin")
        model = importlib.import_module("casbin.model").FastModel([0])
        model.load_model_from_text(_CASBIN_MODEL)
        self._enforcer = casbin.FastEnforcer(model, cache_key_order=[0])
        lines = [
            (not_first, [field, condition, effect])
            for policy in rule_set.policies
            for rule in policy.rules
            for condition in [" && ".join(_casbin(c) for c in (*_scope(policy), *rule.conditions))]
            for not_first, effect in [(rule.unmasks, "allow" if rule.unmasks else "deny")]
            for field in rule.fields
        ]
        # A prohibition that holds ends the search, so prohibitions come first.
        self._enforcer.add_policies([line for _, line in sorted(lines, key=lambda item: item[0])])

    def prepare(self, sample: Sample) -> list[tuple[str, Sample]]:
        return [(field, sample) for field in FIELD_IDS]

    def decide(self, prepared: list[tuple[str, Sample]]) -> Any:
        return self._enforcer.batch_enforce(prepared)

    def verdicts(self, answer: list[bool]) -> Verdicts:
        return tuple(answer)


_CASBIN_NAMES = {
    "subject.level": "level",
    "subject.branch": "branch",
    "resource.branch": "resource_branch",
    "action.name": "action",
}


def _casbin(condition: Condition) -> str:
    def name(attribute: str) -> str:
        return "r.who." + _CASBIN_NAMES.get(attribute, attribute.partition(".")[2])

    match condition:
        case Role(role):
            return f"{text(role)} in r.who.roles"
        case AtLeast(attribute, bound):
            return f"{name(attribute)} >= {bound}"
        case OneOf(attribute, (only,)):
            return f"{name(attribute)} == {text(only)}"
        case OneOf(attribute, values):
            return f"{name(attribute)} in ({', '.join(map(text, values))})"
        case Same(left, right):
            return f"{name(left)} == {name(right)}"
        case Not(operand):
            return f"not ({_casbin(operand)})"


def _scope(policy: Policy) -> Iterable[Condition]:
    """Return a policy's scope as conditions."""
    if policy.application:
        yield OneOf("context.application", (policy.application,))
    if policy.menus:
        yield OneOf("context.menu", policy.menus)


ENGINES: dict[str, Callable[[RuleSet], Engine]] = {
    "jingxi": Jingxi,
    "jingxi-read": JingxiRead,
    "cedarpy": Cedar,
    "regopy": Rego,
    "casbin": Casbin,
}
LABELS = {
    "jingxi": "jingxi, bytes in, bytes out",
    "jingxi-read": "jingxi, and the reply read",
    "cedarpy": "cedarpy, policies parsed once, one batch",
    "regopy": "regopy, bundle compiled once, one query",
    "casbin": "casbin, fast enforcer by field",
}
