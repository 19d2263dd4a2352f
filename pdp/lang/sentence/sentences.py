"""The face of the sentences: rules, clauses, scopes, headings and verdicts of one policy set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pdp.lang.expr import BOOL, STRING, AttributeRef, Call, Expr, Literal, Type, list_of
from pdp.lang.model import Effect, Label, ScopeClause
from pdp.lang.resolved import Clause, Field, Mask, Policy, ResolvedSet, Rule
from pdp.lang.sentence.chinese import Chinese
from pdp.lang.sentence.english import English
from pdp.lang.sentence.fold import group
from pdp.lang.sentence.formula import Constant, Formula, Group
from pdp.lang.sentence.logic import expandable, simplify
from pdp.lang.sentence.names import PLACES, Names, text_of
from pdp.lang.sentence.statements import (
    MAX_FIELDS,
    ChineseStatements,
    Condition,
    EnglishStatements,
    Place,
    Statements,
)
from pdp.lang.sentence.words import Words
from pdp.lang.sentence.writer import LIST, NESTED, Writer
from pdp.masks.catalogue import describe as describe_mask
from pdp.values import AttributeType

Describe = Callable[[str, Mapping[str, Any]], tuple[str, str]]

_STATEMENTS: tuple[Statements, Statements] = (ChineseStatements(), EnglishStatements())
_SOME_MASK = ("脱敏", "mask")
_NO_VARIABLES: Mapping[str, Expr] = {}
_MAX_INLINE = 4
_SCALARS: Mapping[AttributeType, Type] = {kind: Type(kind.value) for kind in AttributeType if kind.element is kind}


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the rules of a policy share: where they apply in both languages, and the rest of the scope."""

    policy: Policy
    places: tuple[str, str]
    conditions: tuple[Formula, ...]
    variables: Mapping[str, Expr]


class _Language:
    """Everything that says something in one language."""

    def __init__(self, resolved: ResolvedSet, words: Words, statements: Statements) -> None:
        self.names = Names(resolved, chinese=words.chinese)
        self.words = words
        self.say = statements

    def writer(self, variables: Mapping[str, Expr]) -> Writer:
        return Writer(self.names, self.words, variables)

    def condition(self, formula: Formula, variables: Mapping[str, Expr]) -> Condition | None:
        """Return a condition in words, as a list when it is long or nested; None when it always holds."""
        if isinstance(formula, Constant) and formula.value:
            return None
        writer = self.writer(variables)
        if not isinstance(formula, Group):
            return Condition(writer.piece(formula).text)
        pieces = [writer.piece(part) for part in formula.parts]
        joined = writer.joined(formula.op, pieces)
        long = len(pieces) > (_MAX_INLINE if joined.level < NESTED else _MAX_INLINE - 1)
        if joined.level < LIST and not long:
            return Condition(joined.text)
        return Condition("", formula.op, [p.text for p in pieces])


class Sentences:
    """Words for one policy set, in Chinese and English.

    Names come from the labels of attributes, allowed values, fields and masks; a label that lacks a language falls
    back to the other one, then to the id. What cannot be said exactly is quoted as CEL in 「…」 or `…`.
    """

    def __init__(self, resolved: ResolvedSet, describe: Describe = describe_mask) -> None:
        self._resolved = resolved
        self._describe = describe
        self._zh = _Language(resolved, Chinese(), _STATEMENTS[0])
        self._en = _Language(resolved, English(), _STATEMENTS[1])
        self._scopes: dict[int, _Scope] = {}
        self._masks: dict[str, tuple[str, str]] = {name: self._mask(mask) for name, mask in resolved.masks.items()}
        self._defaults = {name: self._mask_text(field.mask) for name, field in resolved.fields.items()}

    def expression(self, policy: Policy, expr: Expr) -> Label:
        """Return any expression of a policy: a statement when it is of type bool, a noun otherwise."""
        variables = self._scope_of(policy).variables
        return Label(*(language.writer(variables).value(expr) for language in (self._zh, self._en)))

    def clause(self, policy: Policy, clause: Clause) -> Label:
        """Return one clause of a rule as a statement."""
        return self.expression(policy, clause.expr)

    def scope(self, clause: ScopeClause) -> Label:
        """Return one clause of a scope as a statement: 「菜单为客户查询或客户维护」."""
        formula = simplify(self._equation(clause), _NO_VARIABLES)
        return Label(*(language.writer(_NO_VARIABLES).piece(formula).text for language in (self._zh, self._en)))

    def rule(self, policy: Policy, rule: Rule) -> Label:
        """Return a whole rule with its scope, condition, fields, effect and obligations; it can stand alone."""
        scope = self._scope_of(policy)
        variables = scope.variables
        conditions = [simplify(clause.expr, variables) for clause in rule.clauses]
        formula = group("and", [*scope.conditions, *conditions])
        return Label(
            self._rule(self._zh, rule, scope.places[0], formula, variables),
            self._rule(self._en, rule, scope.places[1], formula, variables),
        )

    def _rule(
        self, language: _Language, rule: Rule, place: str, formula: Formula, variables: Mapping[str, Expr]
    ) -> str:
        effect = self._effect(language, rule)
        if rule.obligations:
            effect = language.say.obligations(effect, [(o.type, o.parameters) for o in rule.obligations])
        return language.say.rule(place, language.condition(formula, variables), effect)

    def policy(self, policy: Policy) -> Label:
        """Return a policy's title and where it applies."""
        scope = self._scope_of(policy)
        formula = group("and", list(scope.conditions))
        texts = []
        for language, place in zip((self._zh, self._en), scope.places, strict=True):
            title = text_of(policy.title, chinese=language.words.chinese) or policy.id
            texts.append(language.say.policy(title, place, language.condition(formula, _NO_VARIABLES)))
        return Label(*texts)

    def verdict(
        self,
        field: Field | str,
        effect: Effect,
        mask: Mask | None,
        reason_title: Label | None,
        kind: str = "rule",
        *,
        undecided: bool = False,
    ) -> Label:
        """Return what was decided about a field, and why: 「手机号：显示前 3 后 4，依据规则“高级柜员查看手机号”」.

        `kind` says what decided: `rule`, `default` (the dictionary's) or `unknown` (the dictionary lacks the field).
        """
        name = field if isinstance(field, str) else field.id
        label = Label(self._zh.names.field(name), self._en.names.field(name))
        said = self._mask_text(mask) if mask is not None else None
        return _verdict(label, effect, said, kind, reason_title or Label(), undecided=undecided)

    # Scopes

    def _scope_of(self, policy: Policy) -> _Scope:
        known = self._scopes.get(id(policy))
        if known is None or known.policy is not policy:
            places = [clause for clause in policy.scope if _is_place(clause)]
            others = [clause for clause in policy.scope if not _is_place(clause)]
            conditions = tuple(simplify(self._equation(clause), _NO_VARIABLES) for clause in others)
            zh, en = (
                language.say.place([self._place(language, clause) for clause in places])
                for language in (self._zh, self._en)
            )
            variables = expandable(policy.variable_exprs) if policy.variables else _NO_VARIABLES
            known = self._scopes[id(policy)] = _Scope(policy, (zh, en), conditions, variables)
        return known

    def _equation(self, clause: ScopeClause) -> Expr:
        declared = self._resolved.attributes.get(clause.attribute)
        kind = _SCALARS.get(declared.type, STRING) if declared else STRING
        attribute = AttributeRef(kind, 0, clause.attribute)
        if len(clause.values) == 1:
            return Call(BOOL, 0, "equals", (attribute, Literal(kind, 0, clause.values[0])))
        return Call(BOOL, 0, "in_list", (attribute, Literal(list_of(kind), 0, clause.values)))

    def _place(self, language: _Language, clause: ScopeClause) -> Place:
        name = clause.attribute
        values = [(value, language.names.value(name, value)) for value in clause.values]
        return Place(language.names.place(name), values, name == "context.application")

    # Effects

    def _effect(self, language: _Language, rule: Rule) -> str:
        chinese = language.words.chinese
        if not rule.fields:
            return "不涉及任何字段" if chinese else "no field is concerned"
        names = [language.names.field(name) for name in rule.fields[:MAX_FIELDS]]
        count, plural = len(rule.fields), len(rule.fields) > 1
        subject = language.say.fields(names, count, every=plural and count == len(self._resolved.fields))
        if rule.effect is Effect.UNMASK:
            return language.say.shown(subject)
        side = 0 if chinese else 1
        if rule.mask is not None:
            return language.say.masked(subject, self._mask_text(rule.mask)[side], plural=plural)
        masks = {self._defaults[name][side] if name in self._defaults else "" for name in rule.fields}
        return language.say.masked_by_default(subject, masks.pop() if len(masks) == 1 else "", plural=plural)

    def _mask_text(self, mask: Mask) -> tuple[str, str]:
        known = self._masks.get(mask.name) if self._resolved.masks.get(mask.name) is mask else None
        return known or self._mask(mask)

    def _mask(self, mask: Mask) -> tuple[str, str]:
        if mask.label.zh and mask.label.en:
            return mask.label.zh, mask.label.en
        zh, en = self._describe(mask.algorithm, mask.parameters)
        return mask.label.zh or zh, mask.label.en or en


def _is_place(clause: ScopeClause) -> bool:
    return clause.attribute in PLACES and all(isinstance(value, str) for value in clause.values)


def verdict_sentence(
    field: Label,
    effect: Effect,
    algorithm: str,
    parameters: Mapping[str, Any],
    *,
    kind: str,
    title: Label,
    undecided: bool,
) -> Label:
    """Return what `Sentences.verdict` does where only a bundle is at hand: the mask by its algorithm and parameters."""
    said = describe_mask(algorithm, parameters) if effect is Effect.MASK else None
    return _verdict(field, effect, said, kind, title, undecided=undecided)


def _verdict(
    field: Label, effect: Effect, mask: tuple[str, str] | None, kind: str, title: Label, *, undecided: bool
) -> Label:
    texts = []
    for say, said, chinese in zip(_STATEMENTS, mask or _SOME_MASK, (True, False), strict=True):
        name, reason = text_of(field, chinese=chinese), text_of(title, chinese=chinese)
        texts.append(say.verdict(name, "" if effect is Effect.UNMASK else said, kind, reason, undecided=undecided))
    return Label(*texts)
