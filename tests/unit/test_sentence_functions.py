"""Every node type and every function is said in words in both languages, and nothing is left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from pdp.lang import expr as nodes
from pdp.lang.expr import (
    BOOL,
    DOUBLE,
    DURATION,
    FUNCTIONS,
    INT,
    STRING,
    TIMESTAMP,
    And,
    AttributeRef,
    Call,
    Comprehension,
    Conditional,
    Expr,
    HasKey,
    ListExpr,
    Literal,
    LocalRef,
    MapExpr,
    Or,
    VariableRef,
    list_of,
    map_of,
)
from pdp.lang.resolved import Clause, Variable
from pdp.lang.sentence.celtext import cel_text
from pdp.source import Anchor, SourceText, whole
from tests.unit.test_sentence_sample import policy_of, sample, say

ATTRIBUTES = {
    "int": AttributeRef(INT, 0, "resource.age"),
    "double": AttributeRef(DOUBLE, 0, "resource.balance"),
    "bool": AttributeRef(BOOL, 0, "resource.is_vip"),
    "string": AttributeRef(STRING, 0, "resource.name"),
    "timestamp": AttributeRef(TIMESTAMP, 0, "resource.opened_at"),
    "duration": AttributeRef(DURATION, 0, "resource.term"),
    "list": AttributeRef(list_of(INT), 0, "subject.limits"),
    "map": AttributeRef(map_of(STRING, STRING), 0, "resource.flags"),
    "pattern": Literal(STRING, 0, "^a"),
    "zone": Literal(STRING, 0, "Asia/Shanghai"),
}
# Function → the types of its arguments and of its result.
SIGNATURES: Mapping[str, str] = {
    "not": "bool -> bool",
    **dict.fromkeys(["equals", "not_equals", "less", "less_equals", "greater", "greater_equals"], "int int -> bool"),
    **{f"{name}_int": "int int -> int" for name in ("add", "subtract", "multiply", "divide", "modulo")},
    **{f"{name}_double": "double double -> double" for name in ("add", "subtract", "multiply", "divide")},
    "negate_int": "int -> int",
    "negate_double": "double -> double",
    "concat_string": "string string -> string",
    "concat_list": "list list -> list",
    "add_duration": "duration duration -> duration",
    "subtract_duration": "duration duration -> duration",
    "timestamp_plus_duration": "timestamp duration -> timestamp",
    "duration_plus_timestamp": "duration timestamp -> timestamp",
    "timestamp_minus_duration": "timestamp duration -> timestamp",
    "timestamp_minus_timestamp": "timestamp timestamp -> duration",
    "in_list": "int list -> bool",
    "in_map": "string map -> bool",
    "index_list": "list int -> int",
    "index_map": "map string -> string",
    "size_string": "string -> int",
    "size_list": "list -> int",
    "size_map": "map -> int",
    **dict.fromkeys(["contains", "starts_with", "ends_with"], "string string -> bool"),
    "matches": "string pattern -> bool",
    "int_from_double": "double -> int",
    "int_from_timestamp": "timestamp -> int",
    "double_from_int": "int -> double",
    "string_from_int": "int -> string",
    "string_from_bool": "bool -> string",
    "identity": "int -> int",
    "timestamp_from_int": "int -> timestamp",
    **dict.fromkeys(
        ["year", "month", "day_of_year", "day_of_month", "date", "day_of_week", "hours", "minutes", "seconds"],
        "timestamp zone -> int",
    ),
    "milliseconds": "timestamp zone -> int",
    **{f"duration_{part}": "duration -> int" for part in ("hours", "minutes", "seconds", "milliseconds")},
}
# A regular expression is program text in any language.
QUOTED = {"matches"}


def call(function: str) -> Expr:
    """Return a function of attributes."""
    arguments, _, result = SIGNATURES[function].partition(" -> ")
    args = tuple(ATTRIBUTES[kind] for kind in arguments.split())
    assert len(args) == FUNCTIONS[function][1]
    return Call(ATTRIBUTES[result].type, 0, function, args)


def words(expr: Expr) -> tuple[str, str]:
    """Return both sentences."""
    label = sample()[0].expression(policy_of(), expr)
    return label.zh, label.en


def is_quoted(text: str) -> bool:
    """Whether a sentence falls back to program text."""
    return "「" in text or "`" in text


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_said_in_words(function: str) -> None:
    for text in words(call(function)):
        assert is_quoted(text) is (function in QUOTED), text


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_argument_is_named(function: str) -> None:
    zh, en = words(call(function))
    for arg in nodes.children(call(function)):
        if isinstance(arg, AttributeRef):
            label = sample()[0].expression(policy_of(), arg)
            assert all(part in text for part, text in ((label.zh, zh), (label.en, en)) if arg.type != BOOL)


def test_different_functions_are_said_differently() -> None:
    # What says no more than its operand: a conversion that keeps the value.
    same = {"identity", "double_from_int"}
    texts = [words(call(function)) for function in FUNCTIONS if function not in same]
    alike = {  # the same operation on another type, or written the other way round
        "duration_plus_timestamp", "add_duration", "subtract_duration",
    }  # fmt: skip
    assert len({zh for zh, _ in texts}) >= len(texts) - len(alike)
    assert len({en for _, en in texts}) >= len(texts) - len(alike)


LOOP = LocalRef(INT, 0, "x")
EXAMPLES: Mapping[type[Expr], Expr] = {
    Literal: Literal(INT, 0, 3),
    AttributeRef: ATTRIBUTES["int"],
    VariableRef: VariableRef(BOOL, 0, "vip"),
    LocalRef: LOOP,
    Call: call("less"),
    And: And(BOOL, 0, (ATTRIBUTES["bool"], call("less"))),
    Or: Or(BOOL, 0, (ATTRIBUTES["bool"], call("less"))),
    Conditional: Conditional(INT, 0, ATTRIBUTES["bool"], ATTRIBUTES["int"], Literal(INT, 0, 3)),
    ListExpr: ListExpr(list_of(INT), 0, (ATTRIBUTES["int"], Literal(INT, 0, 3))),
    MapExpr: MapExpr(map_of(STRING, INT), 0, ("a", 2), (ATTRIBUTES["int"], Literal(INT, 0, 3))),
    HasKey: HasKey(BOOL, 0, ATTRIBUTES["map"], "risk"),
    Comprehension: Comprehension(
        BOOL, 0, "all", "x", ATTRIBUTES["list"], Call(BOOL, 0, "less", (LOOP, ATTRIBUTES["int"])), None
    ),
}


def test_every_node_type_is_said_in_words() -> None:
    kinds = {kind for kind in vars(nodes).values() if isinstance(kind, type) and issubclass(kind, Expr)} - {Expr}
    assert kinds == set(EXAMPLES)
    sentences, _ = sample()
    policy = policy_of({"vip": "resource.is_vip"})
    for node in EXAMPLES.values():
        label = sentences.expression(policy, node)
        assert label.zh
        assert label.en
        assert not is_quoted(label.zh + label.en)


@pytest.mark.parametrize("kind", ["all", "exists", "exists_one", "filter", "map"])
def test_every_macro_is_said_in_words(kind: str) -> None:
    result = BOOL if kind in ("all", "exists", "exists_one") else list_of(INT)
    condition = Call(BOOL, 0, "less", (LOOP, Literal(INT, 0, 3))) if kind != "map" else None
    transform = Call(INT, 0, "add_int", (LOOP, LOOP)) if kind == "map" else None
    for text in words(Comprehension(result, 0, kind, "x", ATTRIBUTES["list"], condition, transform)):
        assert not is_quoted(text)


def test_what_nests_too_deep_is_quoted_and_whole() -> None:
    expr: Expr = ATTRIBUTES["bool"]
    for _ in range(400):
        expr = Conditional(BOOL, 0, expr, ATTRIBUTES["bool"], Literal(BOOL, 0, False))
    zh, en = words(expr)
    assert is_quoted(zh)
    assert is_quoted(en)
    assert zh.count("resource.is_vip") + zh.count("VIP 客户为") == 401


def test_cel_text_of_a_deep_tree_does_not_exhaust_the_stack() -> None:
    expr: Expr = ATTRIBUTES["int"]
    for _ in range(5_000):
        expr = Call(INT, 0, "add_int", (expr, Literal(INT, 0, 1)))
    assert cel_text(expr).startswith("(" * 4_999 + "resource.age + 1) + 1")


@pytest.mark.parametrize(
    "text",
    [
        'subject.level >= 3 && (resource.is_vip || !("teller" in subject.roles))',
        "resource.balance * (2.0 + resource.credit) > (resource.is_vip ? 1.5 : 2.0)",
        'subject.limits.exists(x, x > 3) && resource.flags["a\\"b"] == "c" && has(resource.flags.risk)',
        'now.getHours("Asia/Shanghai") < 9 && now - context.signed_in_at < duration("3600s")',
        'now > timestamp("2026-03-02T10:00:00Z") && [1, resource.age] == [-1] && size({"a": 1, "b": 2}) == 2',
        'dyn(subject.level) < 2.5 && resource.name.matches("^a") && -resource.age < 1',
    ],
)
def test_cel_text_compiles_to_the_same_tree(text: str) -> None:
    scope = sample()[1].scope({})
    once = cel_text(scope.compile(text).expr)
    assert cel_text(scope.compile(once).expr) == once


def test_variables_are_said_in_full_and_long_ones_by_name() -> None:
    sentences, _ = sample()
    policy = policy_of({"small": "resource.is_vip", "big": " || ".join(["resource.age > 3"] * 80)})
    assert sentences.expression(policy, VariableRef(BOOL, 0, "small")).zh == say("resource.is_vip").zh
    assert sentences.expression(policy, VariableRef(BOOL, 0, "big")).zh == "「vars.big」成立"
    assert sentences.expression(policy, VariableRef(BOOL, 0, "big")).en == "`vars.big` is true"


def test_variables_that_double_each_other_stay_short() -> None:
    text = SourceText("", whole("sample.yaml"), (Anchor(0, 1, 1),))
    exprs: list[Expr] = [ATTRIBUTES["int"]]
    for index in range(40):
        half = VariableRef(INT, 0, f"v{index}")
        exprs.append(Call(INT, 0, "add_int", (half, half)))
    variables = tuple(Variable(f"v{index}", Clause(text, expr, b"")) for index, expr in enumerate(exprs))
    policy = dataclasses.replace(policy_of(), variables=variables)
    for index in range(len(exprs)):
        label = sample()[0].expression(policy, VariableRef(INT, 0, f"v{index}"))
        assert len(label.zh) + len(label.en) < 2_000
    assert label.zh == "「vars.v40」"
