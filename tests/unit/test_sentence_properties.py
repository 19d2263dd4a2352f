"""Random conditions: always said, brackets closed, and the statements behind the words worth what the condition is."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdp.engine.exact import Evaluator
from pdp.engine.runtime import MISSING
from pdp.lang.cel import CelIssuesError
from pdp.lang.expr import (
    BOOL,
    DYN,
    STRING,
    And,
    AttributeRef,
    Call,
    Comprehension,
    Conditional,
    Expr,
    ListExpr,
    Literal,
    Or,
    list_of,
)
from pdp.lang.resolved import Policy
from pdp.lang.sentence import times
from pdp.lang.sentence.formula import (
    Authorised,
    Choice,
    Compare,
    Constant,
    Formula,
    Group,
    Holds,
    Includes,
    Member,
    Opaque,
    Quantified,
    Same,
    Within,
)
from pdp.lang.sentence.logic import simplify
from tests.reference.random_expressions import Expressions
from tests.reference.random_values import random_value
from tests.strategies import examples
from tests.unit.test_sentence_sample import SAMPLE, policy_of, resolved, sample

VARIABLES = {
    "vip": "resource.is_vip && !(resource.age < 18)",
    "rich": "resource.balance >= 50000.0 || vars.vip",
    "limit": "resource.is_vip ? 3 : resource.age",
}
KINDS = {"vip": "bool", "rich": "bool", "limit": "int"}
NOUNS = {"eq": "equals", "ne": "not_equals", "lt": "less", "le": "less_equals", "gt": "greater", "ge": "greater_equals"}
GRANTS = {
    "grant.active": (True, False),
    "grant.kind": ("supervisor", "customer", ""),
    "grant.approver": ("M1", ""),
    "grant.approver_level": (0, 5),
    "grant.scenario": ("service", ""),
}
# What people write about a grant and roles, which random conditions hit too rarely.
SPICE = (
    "grant.active",
    'grant.kind == "supervisor"', 'grant.kind != "customer"', 'grant.kind == ""', '"a" in subject.roles',
    '!("a" in subject.roles)', '"b" in subject.roles', '!("b" in subject.roles)', 'resource.name == "a"',
    'resource.name != "b"', 'resource.name in ["a", "ab"]', '!(resource.name in ["a", "b"])', "resource.age > 1",
    "resource.age <= 5", "!(resource.age < 3)", "resource.balance < 3.0", "!(resource.balance > 1.0)",
    "resource.balance >= 1.0", "resource.age in [1, subject.level]", "resource.age == 3", "true", "false",
    'now.getDayOfWeek("Asia/Shanghai") in [0, 6]', 'now.getHours("Asia/Shanghai") < 9',
    'now.getHours("Asia/Shanghai") >= 17', "size(subject.roles) == 0", "resource.is_vip == resource.signed",
)  # fmt: skip
QUICK = settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
SOURCES = st.randoms(use_true_random=False)


@functools.cache
def bench() -> tuple[Policy, Any, Mapping[str, str]]:
    """Return a policy with VARIABLES, a scope that knows them, and the types of all attributes."""
    policy = policy_of(VARIABLES)
    scope = sample()[1].scope({v.name: v.clause.expr.type for v in policy.variables})
    return policy, scope, {name: a.type.value for name, a in resolved(SAMPLE).attributes.items()}


def condition(random: Random) -> Expr | None:
    """Return a random condition; None where it is one that the product refuses."""
    _, scope, kinds = bench()
    plain = {name: kind for name, kind in kinds.items() if not name.startswith("grant.")}
    maker = Expressions(random, plain, KINDS)
    parts = [
        random.choice(SPICE) if random.randint(0, 2) else maker.make("bool", 3) for _ in range(random.randint(1, 4))
    ]
    text = random.choice((" && ", " || ")).join(f"({part})" for part in parts)
    if random.randint(0, 2) == 0:
        text = f"!({text})"
    try:
        expr: Expr = scope.compile(text).expr
    except CelIssuesError:
        return None
    return expr


def unquoted(text: str) -> str:
    """Return a sentence without what stands in quotes, where brackets are not its own."""
    out, closing = [], ""
    for ch in text:
        if closing:
            closing = "" if ch == closing else closing
            out += [] if closing else ["…"]
        elif ch in "“「`":
            closing = {"“": "”", "「": "」", "`": "`"}[ch]
        else:
            out.append(ch)
    assert not closing, f"a quote is not closed in {text!r}"
    return "".join(out)


def is_balanced(text: str) -> bool:
    """Whether every bracket is closed in order."""
    pairs, stack = {"）": "（", ")": "("}, []
    for ch in text:
        if ch in pairs.values():
            stack.append(ch)
        elif ch in pairs and (not stack or stack.pop() != pairs[ch]):
            return False
    return not stack


@QUICK
@given(SOURCES)
def test_any_condition_is_said_in_both_languages(random: Random) -> None:
    expr = condition(random)
    if expr is None:
        return
    policy, _, _ = bench()
    label = sample()[0].expression(policy, expr)
    for text in (label.zh, label.en):
        assert text
        assert text.isprintable()
        assert "  " not in unquoted(text)
        assert is_balanced(unquoted(text)), text
    assert label == sample()[0].expression(policy, expr)


@QUICK
@given(
    SOURCES, st.sampled_from(["int", "double", "string", "timestamp", "duration", "list(string)", "map(string, int)"])
)
def test_any_noun_is_said_in_both_languages(random: Random, kind: str) -> None:
    policy, scope, kinds = bench()
    maker = Expressions(random, {n: k for n, k in kinds.items() if not n.startswith("grant.")}, KINDS)
    try:
        expr = scope.compile(maker.make(kind, 4)).expr
    except CelIssuesError:
        return
    label = sample()[0].expression(policy, expr)
    for text in (label.zh, label.en):
        assert text.isprintable()
        assert text
        assert is_balanced(unquoted(text)), text


def unfold(formula: Formula) -> Expr:
    """Return an expression that says what a statement says, the plain way."""

    def call(function: str, *args: Expr) -> Expr:
        return Call(BOOL, 0, function, args)

    def signed(expr: Expr, positive: bool) -> Expr:
        return expr if positive else call("not", expr)

    match formula:
        case Constant(value=value):
            return Literal(BOOL, 0, value)
        case Holds() | Opaque():
            return signed(formula.expr, formula.positive)
        case Compare(op=op):
            plain = call(NOUNS[op.removeprefix("n") if op != "ne" else op], formula.left, formula.right)
            return signed(plain, op in NOUNS)
        case Member():
            items = ListExpr(list_of(DYN), 0, formula.items)
            return signed(call("in_list", formula.subject, items), formula.positive)
        case Within(low_closed=low_closed, high_closed=high_closed):
            low = call("greater_equals" if low_closed else "greater", formula.subject, formula.low)
            high = call("less_equals" if high_closed else "less", formula.subject, formula.high)
            return signed(And(BOOL, 0, (low, high)), formula.positive)
        case Includes():
            each = tuple(call("in_list", item, formula.container) for item in formula.items)
            return signed((And if formula.together else Or)(BOOL, 0, each), formula.positive)
        case Authorised(kind=kind):
            same = call("equals", AttributeRef(STRING, 0, "grant.kind"), kind)
            return And(BOOL, 0, (AttributeRef(BOOL, 0, "grant.active"), same))
        case Quantified():
            body = unfold(formula.body)
            loop = Comprehension(BOOL, 0, formula.kind, formula.variable, formula.range, body, None)
            return signed(loop, formula.positive)
        case Choice():
            return Conditional(BOOL, 0, unfold(formula.condition), unfold(formula.then), unfold(formula.otherwise))
        case Same():
            return call("equals" if formula.positive else "not_equals", unfold(formula.left), unfold(formula.right))
        case Group():
            return (And if formula.op == "and" else Or)(BOOL, 0, tuple(unfold(part) for part in formula.parts))


@QUICK
@given(SOURCES)
def test_statements_are_worth_what_the_condition_is(random: Random) -> None:
    expr = condition(random)
    if expr is None:
        return
    policy, _, kinds = bench()
    variables = policy.variable_exprs
    said = unfold(simplify(expr, variables))
    for _ in range(12):
        values = {
            name: random.choice(GRANTS[name]) if name in GRANTS else random_value(random, kind)
            for name, kind in kinds.items()
            if random.randint(0, 9)
        }
        evaluator = Evaluator(lambda name, given=values: given.get(name, MISSING), variables)  # type: ignore[misc]
        assert evaluator.clause(said) is evaluator.clause(expr), values


@pytest.mark.parametrize("function", times.DOMAINS)
@pytest.mark.parametrize("op", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_allowed_times_are_those_that_satisfy_the_comparison(function: str, op: str) -> None:
    low, high = times.DOMAINS[function]
    subject = AttributeRef(DYN, 0, "subject")
    for bound in range(low - 2, high + 3):
        literal = Literal(sample()[1].scope({}).compile("1").expr.type, 0, bound)
        compare = Compare(op, subject, literal)
        evaluator = Evaluator(lambda _: MISSING, {})
        wanted = [
            value
            for value in range(low, high + 1)
            if evaluator.clause(Call(BOOL, 0, NOUNS[op], (Literal(literal.type, 0, value), literal)))
        ]
        expected = wanted if 0 < len(wanted) < high - low + 1 else None
        assert times.allowed(compare, function) == expected


def test_clock_covers_exactly_the_hours_given() -> None:
    for first in range(24):
        for count in range(1, 24):
            hours = sorted((first + step) % 24 for step in range(count))
            start, end = times.clock(hours) or (-1, -1)
            length = end - start if end > start else end + 24 - start
            assert sorted((start + step) % 24 for step in range(length)) == hours
    assert times.clock([9, 14]) is None
