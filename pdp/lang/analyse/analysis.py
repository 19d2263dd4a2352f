"""One run over a policy set: prepare the rules, let them meet, and report what a real evaluation confirms."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from typing import Any, Final, NamedTuple

from pdp.lang.analyse import findings
from pdp.lang.analyse.axes import Axes, Kind, describe
from pdp.lang.analyse.budget import Budget
from pdp.lang.analyse.counterexample import request_of
from pdp.lang.analyse.joint import Joint, joints
from pdp.lang.analyse.pairs import meeting_pairs
from pdp.lang.analyse.prepared import Prepared, prepare
from pdp.lang.analyse.shadow import Shadows
from pdp.lang.analyse.verdicts import Strictness, Verdicts
from pdp.lang.analyse.verify import Verifier, outcome
from pdp.lang.analyse.witness import Assignment, Witnesses
from pdp.lang.diagnostics import Diagnostic
from pdp.lang.resolved import ResolvedSet

# How many findings are listed for one rule, and for all.
_LISTED: Final = {"conflicting-rules": (20, 1_000), "overlapping-rules": (5, 500), "unproven-conflict": (3, 50)}
_FIELDS_SHOWN: Final = 8
_PAIRS_A_STEP: Final = 100


class Progress(NamedTuple):
    """How far an analysis is, in steps that take about as long as each other."""

    done: int
    total: int


class Analysis:
    """The state of one run."""

    def __init__(self, resolved: ResolvedSet, verifier: Verifier, strictness: Strictness) -> None:
        self._resolved = resolved
        self._verifier = verifier
        self._axes = Axes(resolved.attributes)
        self._verdicts = Verdicts(resolved.fields, strictness)
        self._witnesses = Witnesses(resolved.attributes, self._axes)
        self._rules, self._unreachable, self._complex = prepare(resolved, self._axes)
        self._budget = Budget.for_rules(len(self._rules))
        self._meeting = meeting_pairs(self._rules, self._axes, self._budget)

    def steps(self) -> Generator[Progress, None, list[Diagnostic]]:
        """Yield how far it is, as often as a rule or some pairs of rules are done; return all findings by place.

        A third of the work is done when it begins: the rules have been prepared and sorted.
        """
        count = max(len(self._rules), 1)
        found = [findings.unreachable(u, self._axes, self._resolved.attributes) for u in self._unreachable]
        found += [findings.too_complex(c) for c in self._complex]
        shadows = Shadows(self._rules, self._meeting, self._axes, self._verdicts, self._budget)
        hidden: set[int] = set()
        for index in range(len(self._rules)):
            hiders = shadows.hiders(index)
            if hiders is not None:
                hidden.add(index)
                found.append(self._shadowed(index, hiders))
            yield Progress(count + index + 1, 3 * count)
        pairs = max(len(self._meeting), 1)
        for done, diagnostic in self._pairs(hidden):
            if diagnostic is not None:
                found.append(diagnostic)
            yield Progress(2 * count + done * count // pairs, 3 * count)
        if not self._budget.cut and not self._complex:
            live = (i for i in range(len(self._rules)) if i not in hidden)
            found += [findings.redundant(self._rules[i]) for i in live if shadows.is_redundant(i)]
        if self._budget.cut:
            found.append(findings.out_of_budget(self._resolved.policies[0].span, len(self._rules)))
        return sorted(found, key=Diagnostic.sort_key)

    def _shadowed(self, index: int, hiders: list[int]) -> Diagnostic:
        rule = self._rules[index]
        request = None
        for other in hiders:
            field = self._verdicts.split(rule.fields & self._rules[other].fields)[:1]
            proof = self._proof(rule, self._rules[other])
            if proof is not None:
                request = request_of(proof, self._resolved.attributes, field)
                hiders = [other, *(o for o in hiders if o != other)]
                break
        return findings.shadowed(rule, [self._rules[i] for i in hiders], request)

    def _pairs(self, hidden: set[int]) -> Iterator[tuple[int, Diagnostic | None]]:
        """Yield how many pairs are done, and what was found last."""
        listing = _Listing()
        for done, (first, second) in enumerate(self._meeting):
            if done % _PAIRS_A_STEP == 0:
                yield done, None
            earlier, later = self._rules[first], self._rules[second]
            same = earlier.rule.priority == later.rule.priority
            if not same and (first if earlier.rule.priority < later.rule.priority else second) in hidden:
                continue  # it is already said that the lower one never decides
            differing = self._verdicts.differing(earlier, later)
            if not differing:
                continue
            kind = "conflicting-rules" if same else "overlapping-rules"
            if listing.has_room(kind, first, second):
                fields = self._verdicts.split(differing)
                diagnostic = self._conflict(earlier, later, fields) if same else self._overlap(earlier, later, fields)
                if diagnostic is None:
                    continue
                if diagnostic.code == kind or listing.has_room(diagnostic.code, first, second):
                    listing.add(diagnostic.code, first, second)
                    yield done, diagnostic
        for kind, index, count in listing.left_out():
            rule = None if index is None else self._rules[index].rule
            yield len(self._meeting), findings.not_listed(kind, rule, count, self._resolved.policies[0].span)

    def _conflict(self, earlier: Prepared, later: Prepared, fields: list[str]) -> Diagnostic | None:
        proof = self._proof(earlier, later)
        if proof is None:
            return findings.unproven(later, earlier, fields, self._causes(earlier, later))
        verdicts = self._verdicts.of(later.rule, fields[0]), self._verdicts.of(earlier.rule, fields[0])
        return findings.conflicting(later, earlier, fields, verdicts, self._request(proof, fields))

    def _overlap(self, earlier: Prepared, later: Prepared, fields: list[str]) -> Diagnostic | None:
        lower, higher = sorted((earlier, later), key=lambda r: r.rule.priority)
        proof = self._proof(lower, higher)
        if proof is None:
            return None
        verdicts = self._verdicts.of(lower.rule, fields[0]), self._verdicts.of(higher.rule, fields[0])
        return findings.overlapping(lower, higher, fields, verdicts, self._request(proof, fields))

    def _request(self, proof: Assignment, fields: list[str]) -> dict[str, Any]:
        return request_of(proof, self._resolved.attributes, fields[:_FIELDS_SHOWN])

    def _proof(self, first: Prepared, second: Prepared) -> Assignment | None:
        """Return a request to which both rules really apply, or None when none was found."""
        names = first.names | second.names
        undecided: Assignment | None = None
        left = self._budget.share()
        for joint in joints(first, second, self._axes):
            # An exact answer needs no budget: one request settles it, and findings are limited in number.
            certain = next(self._unsettled(joint), None) is None
            for assignment in self._witnesses.assignments(joint, names):
                if not certain and (left <= 0 or not self._budget.trial()):
                    break
                left -= 1
                result = outcome(first, assignment, self._verifier)
                other = False if result is False else outcome(second, assignment, self._verifier)
                if result and other:
                    return assignment
                if other is not False and undecided is None:
                    undecided = assignment
        return undecided

    def _causes(self, first: Prepared, second: Prepared) -> list[str]:
        """Return what may have kept a pair of rules from being settled."""
        found: dict[str, None] = {}
        for joint in itertools.islice(joints(first, second, self._axes), 8):
            found |= dict.fromkeys(self._unsettled(joint))
        return list(found)

    def _unsettled(self, joint: Joint) -> Iterator[str]:
        for cube in (joint.request, *joint.grants):
            for index in cube:
                axis = self._axes.all[index]
                if axis.kind in (Kind.TEST, Kind.ACCESSOR):
                    yield describe(axis)


class _Listing:
    """Counts findings about pairs of rules, so that no rule and no set drowns its readers."""

    def __init__(self) -> None:
        self._listed: dict[str, Counter[int]] = defaultdict(Counter)
        self._in_all: Counter[str] = Counter()
        self._left_out: Counter[tuple[str, int | None]] = Counter()

    def has_room(self, kind: str, first: int, second: int) -> bool:
        """Whether one more finding may be listed; counted as left out if not."""
        limit, total = _LISTED[kind]
        full = [index for index in (first, second) if self._listed[kind][index] >= limit]
        room = not full and self._in_all[kind] < total
        if not room:
            self._left_out[kind, full[0] if full else None] += 1
        return room

    def add(self, kind: str, first: int, second: int) -> None:
        """Count a finding as listed."""
        self._listed[kind].update((first, second))
        self._in_all[kind] += 1

    def left_out(self) -> Iterator[tuple[str, int | None, int]]:
        """Yield what was left out: the kind, the rule (None for findings over the total), how many."""
        for (kind, index), count in self._left_out.items():
            yield kind, index, count
