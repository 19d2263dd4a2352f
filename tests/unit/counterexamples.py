"""Policy sets out of a few rules, and the real engine to try counterexamples on."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, timestamp_pb2

from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.lang.check import check
from pdp.lang.diagnostics import Diagnostic
from pdp.lang.loader import load_texts
from pdp.lang.model import Effect
from pdp.lang.resolved import ResolvedSet, Rule
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

BASE = """
kind: Attributes
attributes:
  subject.level: {type: int, label: l, values: [{value: 1, label: a}, {value: 2, label: b}, {value: 3, label: c}]}
  subject.branch: {type: string, label: b}
  subject.branches: {type: list(string), label: bs}
  subject.skills: {type: list(string), label: s, values: [{value: loans, label: l}, {value: wealth, label: w}]}
  resource.balance: {type: double, label: b}
  resource.age: {type: int, label: a}
  resource.branch: {type: string, label: b}
  resource.vip: {type: bool, label: v}
  resource.flags: {type: "map(string, string)", label: f}
  resource.frozen_until: {type: timestamp, label: f}
  resource.term: {type: duration, label: t}
  resource.scores: {type: list(int), label: s}
  context.menu: {type: string, label: m, default: home}
  context.channel: {type: string, label: c, values: [{value: counter, label: c}, {value: phone, label: p}]}
  context.signed_in_at: {type: timestamp, label: s}
---
kind: Dictionary
fields:
  mobile: {label: m, level: C2, category: contact, mask: {algorithm: keep, prefix: 3, suffix: 4}}
  email: {label: e, level: C2, category: contact}
  name: {label: n, level: C2, category: identity}
"""


def resolve(rules: str, scope: str = "{}", variables: str = "{}") -> ResolvedSet:
    """Return a set with one policy `p` of these rules, fields `[mobile]` and title added where they lack."""
    lines = []
    for line in textwrap.dedent(rules).strip().splitlines():
        body = line.strip().removeprefix("- {").removesuffix("}")
        body += "" if "fields:" in body else ", fields: [mobile]"
        lines.append(f"  - {{{body}, title: t}}")
    policy = f"kind: Policy\nid: p\ntitle: t\nscope: {scope}\nvariables: {variables}\nrules:\n" + "\n".join(lines)
    loaded, diagnostics = load_texts({"base.yaml": BASE, "policy.yaml": policy})
    resolved = check(loaded, diagnostics, analyse=False)
    assert resolved is not None, [item.message for item in diagnostics.items]
    return resolved


def summary(found: list[Diagnostic], resolved: ResolvedSet) -> list[str]:
    """Return findings as `code rule [other rules]`."""
    by_span = {rule.span: rule.id for policy in resolved.policies for rule in policy.rules}
    lines = []
    for item in found:
        others = " ".join(by_span[r.span] for r in item.related if r.span in by_span)
        lines.append(f"{item.code} {by_span.get(item.span, '')} {others}".strip())
    return lines


class Engine:
    """Explains counterexamples by the real engine."""

    def __init__(self, resolved: ResolvedSet) -> None:
        self._grants: dict[str, bundle_pb2.Grant] = {}
        self._program = Program.from_bundle(bundle.build(resolved), grants=self)

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        return self._grants.get(grant_id)

    def outcomes(self, found: Mapping[str, Any]) -> tuple[dict[str, set[int]], set[str]]:
        """Return how each rule came out, and which rules decided a field."""
        request = json_format.ParseDict(found.get("request", found), decision_service_pb2.DecideRequest())
        now = timestamp_pb2.Timestamp()
        now.FromJsonString(found.get("now", "2026-03-02T02:00:00Z"))
        self._grants = {g["id"]: json_format.ParseDict(g, bundle_pb2.Grant()) for g in found.get("grants", [])}
        question = decision_service_pb2.ExplainRequest(request=request, now=now)
        answer = decision_service_pb2.ExplainResponse.FromString(self._program.explain(question.SerializeToString()))
        results: dict[str, set[int]] = {}
        for trace in answer.rules:
            results.setdefault(trace.rule, set()).add(trace.outcome)
        ignored = [d for d in answer.decision.diagnostics if "GRANT" in types_pb2.DiagnosticCode.Name(d.code)]
        assert not ignored, ignored
        return results, {trace.rule for trace in answer.rules if trace.wins}


def assert_reproduced(resolved: ResolvedSet, found: list[Diagnostic]) -> None:
    rules = {rule.span: rule for policy in resolved.policies for rule in policy.rules}
    engine = Engine(resolved)
    for item in found:
        if item.request is None:
            continue
        results, deciding = engine.outcomes(item.request)
        first, *others = [rules[item.span], *(rules[r.span] for r in item.related)]
        assert applied(first, results[first.name]), (item, results)
        assert any(applied(other, results[other.name]) for other in others), (item, results)
        if item.code == "shadowed-rule":
            assert first.name not in deciding, item


def applied(rule: Rule, results: set[int]) -> bool:
    undecided = {decision_service_pb2.RULE_OUTCOME_UNDECIDED} if rule.effect is Effect.MASK else set()
    return bool(results & {decision_service_pb2.RULE_OUTCOME_MATCHED, *undecided})
