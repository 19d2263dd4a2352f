"""A policy set after `check`: names resolved, expressions typed, selectors replaced by field ids.

What the analyser reads and what `engine.bundle` turns into a bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pdp.lang.expr import Expr
from pdp.lang.model import Attribute, Effect, FailureRule, Label, MessageMap, Obligation, ScopeClause, TestSuite
from pdp.source import SourceFile, SourceText, Span


@dataclass(frozen=True, slots=True)
class Mask:
    """An algorithm with all its parameters; `name` is empty for one written inside a rule or a field."""

    name: str
    algorithm: str
    parameters: Mapping[str, Any]
    label: Label


@dataclass(frozen=True, slots=True)
class Field:
    """A dictionary entry with its default verdict worked out."""

    id: str
    label: Label
    level: str
    category: str
    tags: tuple[str, ...]
    semantic_type: str
    mask: Mask
    default: Effect
    never_unmask: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Clause:
    """One operand of a condition: its text, its tree, and Google's serialized CheckedExpr."""

    text: SourceText
    expr: Expr
    checked: bytes


@dataclass(frozen=True, slots=True)
class Variable:
    """A named expression of a policy."""

    name: str
    clause: Clause


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule; `name` is `policy/rule`. `mask` None on a masking rule means each field's default mask."""

    name: str
    id: str
    title: Label
    clauses: tuple[Clause, ...]
    fields: tuple[str, ...]
    effect: Effect
    mask: Mask | None
    priority: int
    obligations: tuple[Obligation, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules that share a scope and variables."""

    id: str
    title: Label
    scope: tuple[ScopeClause, ...]
    variables: tuple[Variable, ...]
    rules: tuple[Rule, ...]
    span: Span

    @property
    def variable_exprs(self) -> dict[str, Expr]:
        """The variables' trees by name."""
        return {v.name: v.clause.expr for v in self.variables}


@dataclass(frozen=True, slots=True)
class ResolvedSet:
    """A whole policy set. Policies are sorted by id; maps are sorted by key."""

    attributes: Mapping[str, Attribute]
    fields: Mapping[str, Field]
    masks: Mapping[str, Mask]
    message_maps: tuple[MessageMap, ...]
    policies: tuple[Policy, ...]
    tests: tuple[TestSuite, ...]
    sources: Mapping[str, SourceFile]
    failure_rule: FailureRule | None = None
