"""Walks statements and puts them together; `words` of a language say each."""

from __future__ import annotations

from typing import NamedTuple

from pdp.lang.expr import AttributeRef, Call, Expr, HasKey, Literal, LocalRef
from pdp.lang.sentence import text, times
from pdp.lang.sentence.celtext import nodes
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
from pdp.lang.sentence.logic import deny, resolve, simplify
from pdp.lang.sentence.nouns import NounWriter

# How a statement is joined inside: not at all, by `and` or `or`, with brackets, as a list of its own.
ATOM, FLAT, NESTED, LIST = range(4)

_SIZES = frozenset({"size_string", "size_list", "size_map"})
_TEXT_TESTS = frozenset({"contains", "starts_with", "ends_with", "matches"})
_CATEGORIES = {"timestamp": "time", "duration": "span", "string": "text"}
_ELEMENTS = frozenset({"index_list", "index_map"})


class Piece(NamedTuple):
    """A statement in words. `wide` says that it holds an `and` or `or` of its own, so that it needs commas around."""

    text: str
    level: int = ATOM
    wide: bool = False


class Writer(NounWriter):
    """Words expressions of one policy in one language."""

    def statement(self, expr: Expr) -> str:
        """Return an expression of type bool as a statement."""
        return self.piece(simplify(expr, self._variables, depth=self._depth)).text

    def inner(self, expr: Expr) -> str:
        """Return an expression of type bool as a statement that can stand inside another one."""
        return self._inner(simplify(expr, self._variables, depth=self._depth))

    def _inner(self, formula: Formula) -> str:
        piece = self.piece(formula)
        return self.words.bracket(piece.text) if piece.level == LIST else piece.text

    def piece(self, formula: Formula) -> Piece:
        """Return a statement in words."""
        words = self.words
        match formula:
            case Group():
                return self.joined(formula.op, [self.piece(part) for part in formula.parts])
            case Compare():
                return self._compare(formula)
            case Member():
                return self._member(formula)
            case Within():
                return self._within(formula)
            case Holds():
                return self._holds(formula.expr, positive=formula.positive)
            case Includes():
                source = self.source(formula.container)
                items = [self.operand(item, source) for item in formula.items]
                how = {"together": formula.together, "positive": formula.positive}
                return Piece(words.includes(self.noun(formula.container), items, **how), wide=True)
            case Authorised():
                return Piece(words.authorised(formula.kind.value, self.operand(formula.kind, "grant.kind")))
            case Quantified():
                return self._quantified(formula)
            case Choice():
                parts = (formula.condition, formula.then, formula.otherwise)
                return Piece(words.choice(*[self._inner(part) for part in parts]))
            case Same():
                left, right = (words.bracket(self.piece(p).text) for p in (formula.left, formula.right))
                return Piece(words.same(left, right, positive=formula.positive), wide=True)
            case Constant():
                return Piece(words.constant(value=formula.value))
            case Opaque():
                return Piece(words.opaque(self.code(formula.expr), positive=formula.positive))

    def joined(self, op: str, pieces: list[Piece]) -> Piece:
        """Return statements joined by `and` or `or`, with brackets where they are joined by the other inside."""
        level = max(piece.level for piece in pieces)
        bracket = self.words.bracket
        if level >= NESTED:
            return Piece(self.words.listing(op, [bracket(p.text) if p.level == LIST else p.text for p in pieces]), LIST)
        texts = [bracket(p.text) if p.level == FLAT else p.text for p in pieces]
        plain = len(pieces) == 2 and not any(p.wide for p in pieces)
        return Piece(self.words.inline(op, texts, plain=plain), level + 1)

    # Comparisons

    def _compare(self, formula: Compare) -> Piece:
        left, right, op = formula.left, formula.right, formula.op
        if isinstance(right, Literal):
            special = None
            if isinstance(left, Call):
                special = self._clock(formula) or self._empty(formula)
            elif right.value == "" or _is_grant_kind(left):
                special = self._grant_kind(formula) or self._empty(formula)
            if special is not None:
                return special
        ordered = op not in ("eq", "ne") and not (isinstance(left, Call) and left.function == "year")
        value = self.operand(right, self.source(left), ordered=ordered)
        constant = isinstance(right, Literal)
        return Piece(self.words.compared(op, _category(left, right), self.noun(left), value, constant=constant))

    def _grant_kind(self, formula: Compare) -> Piece | None:
        if not _is_grant_kind(formula.left):
            return None
        kind = formula.right
        if formula.op not in ("eq", "ne") or not isinstance(kind, Literal) or not isinstance(kind.value, str):
            return None
        positive = formula.op == "eq"
        if not kind.value:
            return Piece(self.words.no_grant(positive=positive))
        return Piece(self.words.granted(kind.value, self.operand(kind, "grant.kind"), positive=positive))

    def _empty(self, formula: Compare) -> Piece | None:
        """A size compared with nothing, or a text with the empty one, says no more than that it is empty or not."""
        left, value = formula.left, formula.right.value if isinstance(formula.right, Literal) else None
        if isinstance(value, str) and not value and formula.op in ("eq", "ne"):
            return Piece(self.words.empty(self.noun(left), positive=formula.op == "eq", container=False))
        if not (isinstance(left, Call) and left.function in _SIZES and isinstance(value, int)):
            return None
        empty, some = {("eq", 0), ("lt", 1), ("le", 0)}, {("ne", 0), ("gt", 0), ("ge", 1)}
        if (formula.op, value) not in empty | some:
            return None
        positive, container = (formula.op, value) in empty, left.function != "size_string"
        return Piece(self.words.empty(self.noun(left.args[0]), positive=positive, container=container))

    def _clock(self, formula: Compare | Member | Within) -> Piece | None:
        read = times.accessor(formula.left if isinstance(formula, Compare) else formula.subject)
        if read is None:
            return None
        function, moment, zone = read
        values = times.allowed(formula, function)
        if values is None:
            return None
        shown, of = times.zone_text(zone, chinese=self._chinese), self.moment(moment)
        if function == "hours":
            row = times.clock(values)
            return None if row is None else Piece(self.words.clock(of, shown, *row))
        names = times.day_names(function, values, chinese=self._chinese)
        return Piece(self.words.days(function, of, shown, names), wide=len(names) > 1)

    def _member(self, formula: Member) -> Piece:
        clock = self._clock(formula)
        if clock is not None:
            return clock
        source = self.source(formula.subject)
        items = [self.operand(item, source) for item in formula.items]
        return Piece(self.words.member(self.noun(formula.subject), items, positive=formula.positive), wide=True)

    def _within(self, formula: Within) -> Piece:
        clock = self._clock(formula)
        if clock is not None:
            return clock
        grouped = not (isinstance(formula.subject, Call) and formula.subject.function == "year")
        low, high = (self.operand(end, "", ordered=grouped) for end in (formula.low, formula.high))
        ends = (low, formula.low_closed), (high, formula.high_closed)
        return Piece(self.words.between(self.noun(formula.subject), *ends, positive=formula.positive))

    # Expressions of type bool

    def _holds(self, expr: Expr, *, positive: bool) -> Piece:
        words = self.words
        match expr:
            case AttributeRef(name="grant.active"):
                said = words.any_grant(positive=positive)
            case AttributeRef():
                said = self._flag(expr.name, positive=positive)
            case HasKey():
                said = words.has_key(self.noun(expr.operand), text.quoted(expr.key), constant=True, positive=positive)
            case Call(function="in_list", args=(item, container)):
                shown = self.operand(item, self.source(container))
                said = words.contains_item(self.noun(container), shown, positive=positive)
            case Call(function="in_map", args=(key, container)):
                said = self._has_key(container, key, positive=positive)
            case Call(function="matches", args=(subject, Literal(value=str() as pattern))):
                shown = text.pattern(pattern, chinese=self._chinese)
                said = words.text_test("matches", self.noun(subject), shown, positive=positive)
            case Call(function=function, args=(subject, argument)) if function in _TEXT_TESTS:
                said = words.text_test(function, self.noun(subject), self.noun(argument), positive=positive)
            case LocalRef():
                said = self._truth(expr, positive=positive)
            case Call(function=function) if function in _ELEMENTS:
                said = self._truth(expr, positive=positive)
            case _:
                said = words.opaque(self.code(expr), positive=positive)
        return Piece(said)

    def _truth(self, expr: Expr, *, positive: bool) -> str:
        value = text.quoted(self.words.truth(value=positive))
        return self.words.compared("eq", "other", self.noun(expr), value, constant=True)

    def _has_key(self, container: Expr, key: Expr, *, positive: bool) -> str:
        key = resolve(key, self._variables)
        shown, constant = self.noun(key), isinstance(key, Literal)
        return self.words.has_key(self.noun(container), shown, constant=constant, positive=positive)

    def _flag(self, name: str, *, positive: bool) -> str:
        value = self.names.value(name, positive)
        if value is None:
            return self.words.flag(self.names.attribute(name), positive=positive)
        return self.words.compared("eq", "text", self.names.noun(name), value, constant=True)

    # Loops

    def _quantified(self, formula: Quantified) -> Piece:
        body, kind, variable = formula.body, formula.kind, formula.variable
        container, keyed = self.noun(formula.range), formula.range.type.name == "map"
        if formula.positive and _is_about(body, variable):
            denied = deny(body) if kind == "all" and not self._chinese else None
            if denied is not None:
                # "Every item is not A" can be read as "not every item is A".
                kind, body = "none", denied
            subject = self.words.quantifier(kind, container, keyed=keyed)
            previous = self.bind(variable, subject, formula.range)
            piece = self.piece(body)
            self.unbind(variable, previous)
            return piece
        named, said = self.in_loop(variable, formula.range, lambda: self.piece(body).text)
        how = {"keyed": keyed, "positive": formula.positive}
        return Piece(self.words.each(kind, container, named, self.words.bracket(said), **how))


def _is_grant_kind(expr: Expr) -> bool:
    return isinstance(expr, AttributeRef) and expr.name == "grant.kind"


def _is_about(body: Formula, variable: str) -> bool:
    """Whether a statement is about a loop variable and mentions it nowhere else: it can then be left out."""
    others: tuple[Expr, ...] = ()
    match body:
        case Compare():
            subject, others = body.left, (body.right,)
        case Member():
            subject, others = body.subject, body.items
        case Within():
            subject = body.subject
        case Holds(expr=Call(function=function, args=args)) if function in _TEXT_TESTS:
            subject, others = args[0], args[1:]
        case _:
            return False
    if not (isinstance(subject, LocalRef) and subject.name == variable):
        return False
    return not any(isinstance(n, LocalRef) and n.name == variable for other in others for n in nodes(other))


def _category(left: Expr, right: Expr) -> str:
    """Return what kind of thing a comparison is about, which decides its verb."""
    while isinstance(left, Call) and left.function in ("identity", "double_from_int"):
        left = left.args[0]
    if left.type.name in ("int", "double"):
        if isinstance(left, Call):
            return "count" if left.function in _SIZES else "amount" if left.function in _ELEMENTS else "number"
        return "amount"
    return _CATEGORIES.get(left.type.name, "number" if right.type.name in ("int", "double") else "other")
