"""Rules that never decide anything, because others that beat them apply wherever they do.

The cases of the beating rules are cut out of the rule's own cases; the rule is alive as soon as a piece is left. Where
grants are asked for, one grant at a time is looked at: a rule that holds under one of several is then beaten under the
same one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pdp.lang.analyse.axes import Axes
from pdp.lang.analyse.budget import Budget
from pdp.lang.analyse.cubes import Cube, disjoint, grant_cube, grant_worlds, meet, subtract
from pdp.lang.analyse.prepared import Prepared
from pdp.lang.analyse.regions import Region, minus, union, within
from pdp.lang.analyse.verdicts import Verdicts
from pdp.lang.model import Effect

_STEPS_A_RULE: Final = 20_000
_MINIMISED: Final = 64


@dataclass(frozen=True, slots=True)
class _Claim:
    """Cases in which the rule matters unless one of the `blockers` applies."""

    cubes: tuple[Cube, ...]
    blockers: tuple[int, ...]


class Shadows:
    """Finds the rules that never decide anything."""

    def __init__(
        self,
        rules: Sequence[Prepared],
        meeting: Sequence[tuple[int, int]],
        axes: Axes,
        verdicts: Verdicts,
        budget: Budget,
    ) -> None:
        self._rules = rules
        self._axes = axes
        self._verdicts = verdicts
        self._budget = budget
        self._steps = 0
        self.neighbours: dict[int, list[int]] = defaultdict(list)
        for first, second in meeting:
            self.neighbours[first].append(second)
            self.neighbours[second].append(first)

    def hiders(self, index: int) -> list[int] | None:
        """Return the rules that together hide a rule, as few as is easy to find; None when it is alive."""
        self._steps = _STEPS_A_RULE
        claims = self._claims(index)
        if not claims:
            return None
        involved = sorted({blocker for claim in claims for blocker in claim.blockers})
        if not self._hidden(index, claims, involved):
            return None
        self._steps = _STEPS_A_RULE
        everywhere = set.intersection(*(set(claim.blockers) for claim in claims))
        for blocker in sorted(everywhere):
            if self._hidden(index, claims, [blocker]):
                return [blocker]
        if len(involved) <= _MINIMISED:
            for blocker in list(involved):
                fewer = [other for other in involved if other != blocker]
                if fewer and self._hidden(index, claims, fewer):
                    involved = fewer
        return involved

    def is_redundant(self, index: int) -> bool:
        """Whether a rule says what holds anyhow, and keeps no other rule from saying something else."""
        own, verdicts = self._rules[index], self._verdicts
        if own.rule.obligations:
            return False
        if any(verdicts.of(own.rule, f).rank != verdicts.default(f).rank for f in own.rule.fields):
            return False
        beaten = (self._rules[other] for other in self.neighbours[index])
        return not any(verdicts.beaten(own, other) & verdicts.differing(own, other) for other in beaten)

    def _claims(self, index: int) -> list[_Claim] | None:
        """Return in which cases the rule matters for some field; None when it plainly does, empty without fields."""
        claims: dict[tuple[int, tuple[int, ...]], _Claim] = {}
        for winner, blockers in self._claimed(index):
            if not blockers:
                return None
            if (winner, blockers) not in claims:
                claims[winner, blockers] = _Claim(tuple(self._common(index, winner)), blockers)
        return list(claims.values())

    def _claimed(self, index: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield each rule whose win gives this rule a say in some field, with the rules that prevent the win there.

        That is the rule itself. A rule with obligations also counts when a higher one wins with the same verdict.
        """
        own, rules, verdicts = self._rules[index], self._rules, self._verdicts
        others = self.neighbours[index]
        if not own.rule.obligations:
            beating = {other: verdicts.beaten(rules[other], own) for other in others}
            yield from ((index, blockers) for blockers in _grouped(own.fields, beating))
            return
        differing = {other: verdicts.differing(rules[other], own) for other in others}
        agreeing = {other: own.fields & rules[other].fields & ~differing[other] for other in others}
        higher = [other for other in others if agreeing[other] and rules[other].rule.priority > own.rule.priority]
        for winner in (index, *higher):
            fields = own.fields if winner == index else agreeing[winner]
            if winner != index and own.grants and rules[winner].grants:
                yield winner, ()  # under two grants at once: not worth finding out
            else:
                beating = {other: differing[other] & verdicts.beaten(rules[other], rules[winner]) for other in others}
                yield from ((winner, blockers) for blockers in _grouped(fields, beating))

    def _common(self, index: int, winner: int) -> Iterator[Cube]:
        for cube in self._rules[index].cubes:
            if winner == index:
                yield cube
                continue
            for other in self._rules[winner].cubes:
                both = meet(cube, other)
                if both is not None:
                    yield both

    def _hidden(self, index: int, claims: Sequence[_Claim], allowed: Collection[int]) -> bool:
        kept = set(allowed)
        for claim in claims:
            blockers = [b for b in claim.blockers if b in kept]
            if not blockers:
                return False
            cubes: list[Cube] = list(claim.cubes)
            if any(self._rules[b].grants for b in blockers) and not self._rules[index].grants:
                cubes = [both for c in cubes for w in grant_worlds(self._axes) if (both := meet(c, w)) is not None]
            taken = [cube for b in blockers for cube in self._effective(index, b)]
            if any(self._escapes(cube, taken) for cube in cubes):
                return False
        return True

    def _effective(self, index: int, blocker: int) -> Iterator[Cube]:
        """Yield the cases in which a blocker speaks about every field that the rule speaks about.

        A grant may leave out fields, and then an unmasking rule that asks for it is silent about them.
        """
        own, other = self._rules[index], self._rules[blocker]
        narrowed = own.grants and own.rule.effect is Effect.UNMASK
        if other.grants and other.rule.effect is Effect.UNMASK and not narrowed:
            without = grant_cube(self._axes, active=False)
            yield from (both for cube in other.cubes if (both := meet(cube, without)) is not None)
        else:
            yield from other.cubes

    def _escapes(self, cube: Cube, taken: Sequence[Cube]) -> bool:
        """Whether a part of the cube is left when the others are taken away; true also when the budget ends first."""
        single: dict[int, list[Region]] = defaultdict(list)
        several: list[Cube] = []
        for other in taken:
            if not self._step():
                return True
            if disjoint(cube, other):
                continue
            narrowing = {a: r for a, r in other.items() if not within(self._own(cube, a), r)}
            if not narrowing:
                return False
            if len(narrowing) == 1:
                [(axis, region)] = narrowing.items()
                single[axis].append(region)
            else:
                several.append(narrowing)
        rest = dict(cube)
        for axis, regions in single.items():
            rest[axis] = minus(self._own(rest, axis), union(regions))
            if not rest[axis]:
                return False
        return self._left(rest, several)

    def _left(self, cube: Cube, taken: Sequence[Cube]) -> bool:
        """Look for a piece depth first, the smallest pieces first: they meet the fewest others."""
        stack = [(cube, 0)]
        while stack:
            piece, place = stack.pop()
            while place < len(taken) and disjoint(piece, taken[place]):
                place += 1
                if not self._step():
                    return True
            if place == len(taken) or not self._step():
                return True
            stack += [(part, place + 1) for part in subtract(piece, taken[place], self._axes)]
        return False

    def _own(self, cube: Cube, axis: int) -> Region:
        return cube.get(axis, self._axes.all[axis].universe)

    def _step(self) -> bool:
        self._steps -= 1
        if self._steps < 0:
            self._budget.cut = True
            return False
        return self._budget.step()


def _grouped(fields: int, beating: Mapping[int, int]) -> Iterator[tuple[int, ...]]:
    """Yield the sets of rules that beat some field among `fields`, given the fields that each rule beats."""
    groups: dict[int, list[int]] = {fields: []} if fields else {}
    for other, beaten in beating.items():
        split: dict[int, list[int]] = {}
        for group, blockers in groups.items():
            if group & beaten:
                split[group & beaten] = [*blockers, other]
            if group & ~beaten:
                split[group & ~beaten] = blockers
        groups = split
    return (tuple(blockers) for blockers in groups.values())
