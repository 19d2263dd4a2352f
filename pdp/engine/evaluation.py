"""Which rules apply to a request: compiled code first, then exactly for each rule that it left open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pdp.engine.assemble import Schema, assemble, assemble_rule
from pdp.engine.exact import Evaluator
from pdp.engine.grants import NO_GRANT, GrantFacts
from pdp.engine.outcome import Hit, coverage
from pdp.engine.rules import CompiledRule
from pdp.engine.runtime import MISSING
from pdp.engine.view import Parties, RequestView
from pdp.lang.expr import And, Comprehension, Conditional, Expr, Or, VariableRef, walk
from pdp.v1 import bundle_pb2

# The unusable attributes of the undecided conditions, by rule.
Undecided = dict[int, frozenset[str]]


class Evaluation:
    """Evaluates the rules of one bundle.

    A hit is the index of a rule that holds, or its complement (`~index`, negative) for a masking rule that applies
    because it is undecided. Rules that speak about none of the requested fields may be among the hits, but are never
    settled exactly: they change nothing.
    """

    def __init__(
        self, rules: Sequence[CompiledRule], schema: Schema, label: str, usual: Iterable[tuple[str, ...]] = ()
    ) -> None:
        """`usual` are the fields of messages: most requests ask about those of one of them."""
        compiled = assemble(rules, schema, label)
        self.source = compiled.source
        self._plain = compiled.plain
        self._granted = compiled.granted
        self._ungranted = compiled.ungranted
        self.rules = rules
        self.schema = schema
        self._exact: dict[int, ExactRule] = {}
        self._speaking: dict[tuple[str, ...], frozenset[int] | None] = dict.fromkeys(usual)

    def without_grants(
        self, subject: Any, action: Any, resource: Any, context: Any, now: int, fields: tuple[str, ...]
    ) -> tuple[list[int], Undecided]:
        """Return the hits in canonical order and the undecided rules of a request without grants."""
        hits: list[int] = []
        slow: list[int] = []
        self._plain(subject, action, resource, context, now, NO_GRANT, hits, slow)
        if self._ungranted is not None:
            self._ungranted(subject, action, resource, context, now, NO_GRANT, hits, slow)
        return self.settled(subject, action, resource, context, now, fields, hits, slow)

    def settled(
        self,
        subject: Any,
        action: Any,
        resource: Any,
        context: Any,
        now: int,
        fields: tuple[str, ...],
        hits: list[int],
        slow: list[int],
    ) -> tuple[list[int], Undecided]:
        """Decide the rules that compiled code left open; return all hits in canonical order and the undecided rules."""
        undecided: Undecided = {}
        if slow and (left := self._left(slow, fields)):
            self._settle(left, Parties(subject, action, resource, context, now), hits, undecided)
        if len(hits) > 1:
            hits.sort(key=_canonical if undecided else None)
        return hits, undecided

    def open(self, parties: Parties) -> set[int]:
        """Return the rules that hold or that compiled code leaves open without a grant."""
        hits: list[int] = []
        slow: list[int] = []
        self._plain(*parties, hits, slow)
        if self._ungranted is not None:
            self._ungranted(*parties, hits, slow)
        return {*hits, *slow}

    def with_grants(
        self, parties: Parties, fields: tuple[str, ...], grants: Sequence[bundle_pb2.Grant], levels: Any
    ) -> tuple[list[Hit], Undecided]:
        """Return the hits in canonical order, those of one rule by grant in request order.

        `levels` tells a field's level, for grants that cover levels.
        """
        found: list[tuple[int, int, Hit]] = []
        undecided: Undecided = {}
        self._run(self._plain, parties, fields, None, (0, None), found, undecided)
        if self._granted is not None:
            under: Sequence[bundle_pb2.Grant | None] = grants or [None]
            for order, grant in enumerate(under):
                covers = coverage(grant, levels) if grant is not None else None
                self._run(self._granted, parties, fields, grant, (order, covers), found, undecided)
        found.sort(key=lambda entry: entry[:2])
        return [hit for _, _, hit in found], undecided

    def _run(
        self,
        function: Any,
        parties: Parties,
        fields: tuple[str, ...],
        grant: bundle_pb2.Grant | None,
        place: tuple[int, Any],
        found: list[tuple[int, int, Hit]],
        undecided: Undecided,
    ) -> None:
        """Evaluate compiled rules under one grant; `place` is its order and what it covers."""
        order, covers = place
        facts = GrantFacts.of(grant) if grant is not None else NO_GRANT
        grant_id = grant.id if grant is not None else ""
        hits: list[int] = []
        slow: list[int] = []
        under = parties._replace(grant=facts)
        function(*under, hits, slow)
        self._settle(self._left(slow, fields), under, hits, undecided)
        for hit in hits:
            index = hit if hit >= 0 else ~hit
            rule = self.rules[index]
            found.append((index, order, Hit(rule, grant_id, hit < 0, covers if rule.unmasks else None)))

    def _left(self, slow: Sequence[int], fields: tuple[str, ...]) -> Iterable[int]:
        """Return those of the rules that compiled code left open that speak about a field, each once."""
        try:
            speaking = self._speaking[fields]
        except KeyError:
            return [index for index in dict.fromkeys(slow) if not self.rules[index].fields.isdisjoint(fields)]
        return (self.speaking(fields) if speaking is None else speaking).intersection(slow)

    def speaking(self, fields: tuple[str, ...]) -> frozenset[int]:
        """Return the rules that speak about a field; for usual fields that is known."""
        found = self._speaking.get(fields)
        if found is None:
            found = frozenset(rule.index for rule in self.rules if not rule.fields.isdisjoint(fields))
            if fields in self._speaking:
                self._speaking[fields] = found
        return found

    def _settle(self, left: Iterable[int], parties: Parties, hits: list[int], undecided: Undecided) -> None:
        """Decide rules exactly."""
        for index in left:
            exact = self._exact.get(index)
            if exact is None:
                exact = self._exact[index] = ExactRule(self.rules[index], self.schema)
            holds, attributes = exact.decide(parties)
            if holds:
                hits.append(index)
            elif holds is None:
                undecided[index] = attributes | undecided.get(index, frozenset())
                if not exact.rule.unmasks:
                    hits.append(~index)


class ExactRule:
    """One rule, conjunct by conjunct: false if any is, else undecided if any is, else true.

    Compiled at its first use, because most rules never need it.
    """

    def __init__(self, rule: CompiledRule, schema: Schema) -> None:
        self.rule = rule
        self._schema = schema
        self._conjuncts = assemble_rule(rule, schema)
        self._compound = [_is_compound(condition.expr, rule) for condition in rule.conditions]

    def decide(self, parties: Parties) -> tuple[bool | None, frozenset[str]]:
        """Return whether the rule holds (None: undecided) and the unusable attributes of its undecided conjuncts."""
        doubtful = self._conjuncts(*parties)
        if not doubtful:
            return doubtful is not None, frozenset()
        view = RequestView(self._schema, parties)
        evaluator = Evaluator(view.get, self.rule.variables)
        attributes: set[str] = set()
        undecided = False
        for place in doubtful:
            condition = self.rule.conditions[place]
            # What compiled code could not settle inside one conjunct, `&&` and `||` may: only they absorb an error.
            holds = evaluator.clause(condition.expr) if self._compound[place] else None
            if holds is False:
                return False, frozenset()
            if holds is None:
                undecided = True
                attributes |= {name for name in condition.attributes if view.get(name) is MISSING}
        return (None, frozenset(attributes)) if undecided else (True, frozenset())


def _canonical(hit: int) -> int:
    return hit if hit >= 0 else ~hit


def _is_compound(expr: Expr, rule: CompiledRule) -> bool:
    """Whether an expression holds anything that may have a value although a part of it is undecided."""
    for node in walk(expr):
        if isinstance(node, And | Or | Conditional | Comprehension):
            return True
        if isinstance(node, VariableRef) and _is_compound(rule.variables[node.name], rule):
            return True
    return False
