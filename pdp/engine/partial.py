"""What is left of the rules once it is known who asks, what for and under what circumstances: partial evaluation.

Someone asks about many resources, so much of each decision is the last one's. A conjunct that has a value while all
of the resource and the time are missing has it whatever they are, because evaluation is monotone: what is undecided
only ever becomes decided. So a rule with such a conjunct that is false is gone, those that are true need no further
look, and the few rules that are left are compiled once more. What they come to is never kept: it is worked out for
each resource.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from pdp.engine.assemble import Evaluate, assemble_few
from pdp.engine.evaluation import Evaluation
from pdp.engine.exact import Evaluator
from pdp.engine.rules import CompiledRule
from pdp.engine.runtime import MISSING
from pdp.engine.view import Parties, RequestView

# Compiling takes a tenth of a millisecond a rule, in the middle of a decision.
MOST_RULES = 256
MOST_CANDIDATES = 1_024
MOST_COMPILED = 512


class Known(NamedTuple):
    """A caller and the fields that it asks about, with the rules that are left, compiled.

    `declared` is whether the policy set declares all that the caller says.
    """

    subject: Any
    action: Any
    context: Mapping[str, Any]
    fields: tuple[str, ...]
    declared: bool
    rest: Evaluate


class _AllMissing(dict[str, Any]):
    """The attributes of a resource of which nothing is known, not even that a default stands for one."""

    def get(self, _key: str, _default: Any = None) -> Any:
        return MISSING


class _Unknown(NamedTuple):
    id: str = ""
    type: str = ""
    attributes: Mapping[str, Any] = _AllMissing()


class Rests:
    """Finds what is left of an evaluation's rules, for typed requests without grants. Safe to share between threads."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._schema = evaluation.schema
        self._timed = frozenset(
            rule.index for rule in evaluation.rules if any("now" in c.attributes for c in rule.conditions)
        )
        self._compiled: dict[Any, Evaluate] = {}

    def rest(self, subject: Any, action: Any, context: Mapping[str, Any], fields: tuple[str, ...]) -> Evaluate | None:
        """Return compiled code for the rules that speak about a field and are left; None when there are too many."""
        parties = Parties(subject, action, _Unknown(), context, 0)
        candidates = self._evaluation.open(parties)
        # Whether a rule about the time is open cannot be seen at one point in time.
        speaking = self._evaluation.speaking(fields).intersection(candidates | self._timed)
        if len(speaking) > MOST_CANDIDATES:
            return None
        view = RequestView(self._schema, parties._replace(now=MISSING))
        left = [rule for index in sorted(speaking) if (rule := self._left(self._evaluation.rules[index], view))]
        # The same conditions are left for many callers, such as all tellers in one menu.
        key = tuple((rule.index, tuple([id(condition) for condition in rule.conditions])) for rule in left)
        found = self._compiled.get(key)
        if found is None and len(left) <= MOST_RULES and len(self._compiled) < MOST_COMPILED:
            found = self._compiled[key] = assemble_few(left, self._schema, f"rest {len(self._compiled)}")
        return found

    def _left(self, rule: CompiledRule, view: RequestView) -> CompiledRule | None:
        """Return a rule with the conditions that are open; None when one of its conditions is false."""
        evaluator = Evaluator(view.get, rule.variables)
        conditions = []
        for condition in rule.conditions:
            holds = evaluator.clause(condition.expr)
            if holds is False:
                return None
            if holds is None:
                conditions.append(condition)
        return dataclasses.replace(rule, conditions=tuple(conditions))
