"""What a policy set means, rule by rule and field by field, as the policy language guide says it.

Slow and plain on purpose: every rule of the set is looked at for every request, and every clause is evaluated from its
text by Google's CEL runtime. It shares no code with `pdp.engine` and does not read the trees of `pdp.lang.expr`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pdp.lang import resolved
from pdp.lang.model import Effect, GrantSpec, ScopeClause
from pdp.masks import catalogue
from pdp.values import INT_MAX, INT_MIN, TIMESTAMP_MAX, TIMESTAMP_MIN
from tests.reference.conditions import Condition, Conditions
from tests.reference.request import Decision, Given, Mask, Reason, Request, Verdict

MAX_DIAGNOSTICS = 32
NO_GRANT = {
    "grant.active": False,
    "grant.kind": "",
    "grant.approver": "",
    "grant.approver_level": 0,
    "grant.scenario": "",
}

Diagnostic = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True)
class ClauseResult:
    """How a clause came out; `holds` None means undecided, `attributes` why."""

    text: str
    holds: bool | None
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class RuleResult:
    """How a rule came out under a grant, or without one."""

    rule: resolved.Rule
    grant: GrantSpec | None
    holds: bool | None
    scope_holds: bool | None
    clauses: tuple[ClauseResult, ...]


@dataclass(frozen=True)
class _Clause:
    text: str
    condition: Condition | None
    scope: ScopeClause | None = None

    @property
    def names(self) -> list[str]:
        return self.condition.names if self.condition else [self.scope.attribute] if self.scope else []


@dataclass(frozen=True)
class Facts:
    """What a request says: the usable values and the names of attributes that are missing or mistyped."""

    values: Mapping[str, Any]
    lacking: frozenset[str]


class Reference:
    """Decides by a resolved policy set."""

    def __init__(self, policy_set: resolved.ResolvedSet, grants: Mapping[str, GrantSpec]) -> None:
        self._set = policy_set
        self._grants = grants
        self._types = {name: a.type.value for name, a in policy_set.attributes.items()}
        conditions = Conditions(
            {n: kind for n, kind in self._types.items() if n != "now" and not n.startswith("grant.")}
        )
        self._rules: list[tuple[resolved.Rule, list[_Clause]]] = []
        for policy in sorted(policy_set.policies, key=lambda p: p.id):
            variables = {v.name: v.clause.text.value for v in policy.variables}
            scope = [_Clause("", None, clause) for clause in policy.scope]
            for rule in policy.rules:
                clauses = [_Clause(c.text.value, conditions.compile(c.text.value, variables)) for c in rule.clauses]
                self._rules.append((rule, scope + clauses))

    def decide(self, request: Request) -> Decision:
        """Return the decision."""
        fields = self.fields(request)
        facts = self.facts(request)
        grants, grant_diagnostics = self._counting(request, facts)
        results = list(self._results(fields, facts, request.now, grants))
        diagnostics: list[Diagnostic] = [
            ("UNKNOWN_FIELD", name, ()) for name in dict.fromkeys(fields) if name not in self._set.fields
        ]
        own = {"subject.id", "subject.roles", "action.name", "resource.type", "resource.id"}
        undeclared = sorted(n for n in request.attributes if n not in self._types or n in own)
        diagnostics += [("UNDECLARED_ATTRIBUTE", name, ()) for name in undeclared]
        diagnostics += grant_diagnostics
        diagnostics += self._undecided(results)
        if len(diagnostics) > MAX_DIAGNOSTICS:
            diagnostics = [*diagnostics[: MAX_DIAGNOSTICS - 1], ("TRUNCATED", "", ())]
        verdicts = [self._verdict(name, results) for name in fields]
        return Decision(tuple(verdicts), tuple(self._obligations(fields, verdicts, results)), tuple(diagnostics))

    def explain(self, request: Request) -> list[RuleResult]:
        """Return how every rule came out that speaks about a requested field."""
        facts = self.facts(request)
        return list(self._results(self.fields(request), facts, request.now, self._counting(request, facts)[0]))

    def fields(self, request: Request) -> tuple[str, ...]:
        """Return the fields asked for, of the message's map where it names one."""
        if request.message is None:
            return request.fields
        application, name, part = request.message
        (parts,) = (m.parts for m in self._set.message_maps if (m.application, m.name) == (application, name))
        (chosen,) = (p for p in parts if p.name == part)
        return tuple(chosen.fields)

    def facts(self, request: Request) -> Facts:
        """Return the usable values of a request: present, of the declared type and in its range; else the default."""
        given = {
            **request.attributes,
            "subject.id": Given("string", request.subject_id),
            "subject.roles": Given("list(string)", request.roles),
            "action.name": Given("string", request.action) if request.action else Given(""),
            "resource.type": Given("string", request.resource_type) if request.resource_type else Given(""),
            "resource.id": Given("string", request.resource_id) if request.resource_id else Given(""),
        }
        values: dict[str, Any] = {}
        lacking = set()
        for name, attribute in self._set.attributes.items():
            found = given.get(name, Given(""))
            if not found.type and attribute.default is not None:
                values[name] = attribute.default
            elif found.type == attribute.type.value and _in_range(found):
                values[name] = found.value
            elif name != "now" and not name.startswith("grant."):
                lacking.add(name)
        return Facts(values, frozenset(lacking))

    def _counting(self, request: Request, facts: Facts) -> tuple[list[GrantSpec], list[Diagnostic]]:
        """Return the grants that count, and a diagnostic for each that does not."""
        counting: list[GrantSpec] = []
        diagnostics: list[Diagnostic] = []
        for grant_id in dict.fromkeys(request.grant_ids):
            grant = self._grants.get(grant_id)
            if grant is None:
                diagnostics.append(("GRANT_NOT_FOUND", grant_id, ()))
            elif not grant.not_before <= request.now < grant.expires_at:
                diagnostics.append(("GRANT_INACTIVE", grant_id, ()))
            elif (
                grant.subject_id != request.subject_id
                or grant.resource_type != facts.values.get("resource.type", "")
                or grant.resource_id not in ("", facts.values.get("resource.id", ""))
                or (grant.application and _applications(request) != {grant.application})
            ):
                diagnostics.append(("GRANT_MISMATCH", grant_id, ()))
            else:
                counting.append(grant)
        return counting, diagnostics

    def _results(
        self, fields: tuple[str, ...], facts: Facts, now: int, grants: list[GrantSpec]
    ) -> Iterator[RuleResult]:
        for rule, clauses in self._rules:
            if not set(rule.fields) & set(fields):
                continue
            asks = any(name.startswith("grant.") for clause in clauses for name in clause.names)
            for grant in (grants or [None]) if asks else [None]:
                found = [_clause_result(clause, facts, now, grant) for clause in clauses]
                scope = [c for c, clause in zip(found, clauses, strict=True) if clause.scope]
                yield RuleResult(rule, grant, _conjunction(found), _conjunction(scope), tuple(found))

    def _verdict(self, name: str, results: list[RuleResult]) -> Verdict:
        if name not in self._set.fields:
            full = ("", "full", tuple(sorted(catalogue.complete("full", {}).items())))
            return Verdict(name, "mask", full, Reason("unknown_field"))
        field = self._set.fields[name]
        applying = self._applying(name, results)
        if not applying:
            masked = field.default is Effect.MASK
            return Verdict(name, field.default.value, _plain(field.mask) if masked else None, Reason("default"))
        highest = max(result.rule.priority for result in applying)
        among = [result for result in applying if result.rule.priority == highest]
        strictest = max(self._strictness(result.rule, field) for result in among)
        first = next(result for result in among if self._strictness(result.rule, field) == strictest)
        mask = None if first.rule.effect is Effect.UNMASK else _plain(first.rule.mask or field.mask)
        title = (first.rule.title.zh, first.rule.title.en)
        grant = first.grant.id if first.grant else ""
        reason = Reason("rule", first.rule.name, title, grant, undecided=first.holds is None)
        return Verdict(name, first.rule.effect.value, mask, reason)

    def _applying(self, name: str, results: list[RuleResult]) -> list[RuleResult]:
        """Return for each rule that applies to a field its first result under which it does."""
        found: dict[str, RuleResult] = {}
        for result in results:
            rule = result.rule
            if name in rule.fields and self._applies(result, name):
                found.setdefault(rule.name, result)
        return list(found.values())

    def _applies(self, result: RuleResult, name: str) -> bool:
        if result.rule.effect is Effect.MASK:
            return result.holds is not False
        field = self._set.fields[name]
        grant = result.grant
        covered = (
            grant is None or not (grant.fields or grant.levels) or name in grant.fields or field.level in grant.levels
        )
        return result.holds is True and covered and not field.never_unmask

    def _strictness(self, rule: resolved.Rule, field: resolved.Field) -> tuple[Any, ...]:
        if rule.effect is Effect.UNMASK:
            return ()
        mask = rule.mask or field.mask
        return catalogue.strictness(mask.algorithm, mask.parameters)

    def _obligations(
        self, fields: tuple[str, ...], verdicts: list[Verdict], results: list[RuleResult]
    ) -> Iterator[Any]:
        """Yield those of every rule that applies to a field with the verdict that won."""
        for rule, _ in self._rules:
            carried = []
            for name, verdict in zip(fields, verdicts, strict=True):
                if verdict.reason.kind != "rule" or rule not in [r.rule for r in self._applying(name, results)]:
                    continue
                field = self._set.fields[name]
                winner = next(r for r, _ in self._rules if r.name == verdict.reason.rule)
                if self._strictness(rule, field) == self._strictness(winner, field):
                    carried.append(name)
            if carried:
                for obligation in rule.obligations:
                    parameters = tuple(sorted(obligation.parameters.items()))
                    yield (obligation.type, parameters, tuple(dict.fromkeys(carried)), rule.name)

    def _undecided(self, results: list[RuleResult]) -> Iterator[Diagnostic]:
        """Yield one diagnostic for each rule that is undecided without a grant or under some."""
        names: dict[str, set[str]] = {}
        for result in results:
            if result.holds is None:
                attributes = names.setdefault(result.rule.name, set())
                attributes.update(a for clause in result.clauses for a in clause.attributes)
        for name, attributes in names.items():
            yield ("UNDECIDED_RULE", name, tuple(sorted(attributes)))


def _applications(request: Request) -> set[str]:
    """Return the applications that a request says it is for; something else than a text is none of any name."""
    found = set() if request.message is None else {request.message[0]}
    given = request.attributes.get("context.application", Given(""))
    if given.type:
        found.add(given.value if given.type == "string" else "")
    return found


def _clause_result(clause: _Clause, facts: Facts, now: int, grant: GrantSpec | None) -> ClauseResult:
    holds: bool | None
    if clause.scope is not None:
        value = facts.values.get(clause.scope.attribute)
        holds = None if value is None else value in clause.scope.values
    else:
        assert clause.condition is not None
        about_grant = NO_GRANT if grant is None else {
            "grant.active": True,
            "grant.kind": grant.kind,
            "grant.approver": grant.approver,
            "grant.approver_level": grant.approver_level,
            "grant.scenario": grant.scenario,
        }  # fmt: skip
        holds = clause.condition.value({**facts.values, **about_grant, "now": now})
        assert holds in (True, False, None), f"{clause.text} is {holds!r}"
    lacking = tuple(sorted(facts.lacking & set(clause.names))) if holds is None else ()
    return ClauseResult(clause.text, holds, lacking)


def _conjunction(clauses: list[ClauseResult]) -> bool | None:
    """False if any clause is false, else undecided if any is undecided, else true."""
    if any(clause.holds is False for clause in clauses):
        return False
    return None if any(clause.holds is None for clause in clauses) else True


def _in_range(given: Given) -> bool:
    if given.type == "timestamp":
        return bool(TIMESTAMP_MIN <= given.value <= TIMESTAMP_MAX)
    return given.type != "duration" or bool(INT_MIN <= given.value <= INT_MAX)


def _plain(mask: resolved.Mask) -> Mask:
    return mask.name, mask.algorithm, tuple(sorted(mask.parameters.items()))
