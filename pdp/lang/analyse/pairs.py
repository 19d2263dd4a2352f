"""Which rules can meet: a join that never lets most disjoint rules see each other.

Rules that are confined to a few values of an axis (a menu, a level, a band of balances) are sorted into groups by these
values, and the groups again by another axis, as long as that saves comparisons. Only rules that end up in the same
group, or that an axis leaves unconfined, are compared case by case.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from pdp.lang.analyse.axes import Axes
from pdp.lang.analyse.budget import Budget
from pdp.lang.analyse.cubes import Cube, disjoint
from pdp.lang.analyse.prepared import Prepared
from pdp.lang.analyse.regions import Region, union

_MAX_SPREAD: Final = 32
_FEW: Final = 64
_FIELDS: Final = -1  # the fields of a rule join like one more axis

Keys = dict[int, tuple[int, ...]]


def meeting_pairs(rules: Sequence[Prepared], axes: Axes, budget: Budget) -> list[tuple[int, int]]:
    """Return the places of all pairs of rules, first < second, with a common field and a common request."""
    public = [tuple(_public(cube, axes) for cube in rule.cubes) for rule in rules]
    keys = _keys(rules, public)
    met: set[tuple[int, int]] = set()
    tried: set[tuple[int, int]] = set()
    for first, second in _join(keys, list(range(len(rules))), None):
        pair = (first, second) if first < second else (second, first)
        if not rules[first].fields & rules[second].fields or pair in tried:
            continue
        if not budget.pair():
            break
        tried.add(pair)
        if any(not disjoint(left, right) for left in public[first] for right in public[second]):
            met.add(pair)
    return sorted(met)


def _public(cube: Cube, axes: Axes) -> Cube:
    """Return a cube without what a grant answers: two rules may hold under different grants."""
    return {axis: region for axis, region in cube.items() if not axes.all[axis].private}


def _keys(rules: Sequence[Prepared], public: Sequence[tuple[Cube, ...]]) -> list[Keys]:
    """Return, for each rule, the few stretches of each axis that it is confined to."""
    hulls: list[dict[int, Region]] = []
    used: dict[int, list[Region]] = defaultdict(list)
    for cubes in public:
        first, *rest = cubes
        hull = dict(first) if not rest else {
            axis: union(cube[axis] for cube in cubes) for axis in first if all(axis in cube for cube in rest)
        }  # fmt: skip
        hulls.append(hull)
        for axis, region in hull.items():
            used[axis].append(region)
    places = {
        axis: {cut: i for i, cut in enumerate(sorted({cut for region in regions for span in region for cut in span}))}
        for axis, regions in used.items()
        if len(regions) > 1
    }
    keys: list[Keys] = []
    for rule, hull in zip(rules, hulls, strict=True):
        key: Keys = {}
        for axis, region in hull.items():
            place = places.get(axis)
            if place is None or len(region) > _MAX_SPREAD:
                continue
            if sum(place[high] - place[low] for low, high in region) <= _MAX_SPREAD:
                key[axis] = tuple(i for low, high in region for i in range(place[low], place[high]))
        if rule.fields.bit_count() <= _MAX_SPREAD:
            key[_FIELDS] = tuple(i for i in range(rule.fields.bit_length()) if rule.fields >> i & 1)
        keys.append(key)
    return keys


def _join(keys: Sequence[Keys], left: list[int], right: list[int] | None) -> Iterator[tuple[int, int]]:
    """Yield the pairs within one group, or between two, that no axis of `keys` tells apart; some more than once."""
    cost = len(left) * (len(left) - 1) // 2 if right is None else len(left) * len(right)
    axis = _best_axis(keys, left, right, cost) if cost > _FEW else None
    if axis is None:
        if right is None:
            yield from ((a, b) for i, a in enumerate(left) for b in left[i + 1 :])
        else:
            yield from ((a, b) for a in left for b in right)
        return
    confined, loose = _grouped(keys, left, axis)
    pinned = [i for i in left if axis in keys[i]]
    if right is None:
        for value in sorted(confined):
            yield from _join(keys, confined[value], None)
        yield from _join(keys, loose, None)
        yield from _join(keys, pinned, loose)
        return
    others, free = _grouped(keys, right, axis)
    for value in sorted(confined):
        if value in others:
            yield from _join(keys, confined[value], others[value])
    yield from _join(keys, loose, right)
    yield from _join(keys, pinned, free)


def _grouped(keys: Sequence[Keys], rules: list[int], axis: int) -> tuple[dict[int, list[int]], list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    loose = []
    for rule in rules:
        values = keys[rule].get(axis)
        if values is None:
            loose.append(rule)
        else:
            for value in values:
                groups[value].append(rule)
    return groups, loose


def _best_axis(keys: Sequence[Keys], left: list[int], right: list[int] | None, cost: int) -> int | None:
    """Return the axis that leaves the fewest comparisons, None when none saves a fifth of them."""
    counts, pinned = _counted(keys, left)
    others, also = (counts, pinned) if right is None else _counted(keys, right)
    best, least = None, cost * 0.8
    for axis in sorted(pinned.keys() & also.keys() if right is not None else pinned):
        if right is None:
            loose = len(left) - pinned[axis]
            expected = sum(n * (n - 1) / 2 for n in counts[axis].values())
            expected += loose * (loose - 1) / 2 + loose * pinned[axis]
        else:
            expected = float(sum(n * others[axis][value] for value, n in counts[axis].items()))
            expected += (len(left) - pinned[axis]) * len(right) + pinned[axis] * (len(right) - also[axis])
        if expected < least:
            best, least = axis, expected
    return best


def _counted(keys: Sequence[Keys], rules: list[int]) -> tuple[dict[int, Counter[int]], Counter[int]]:
    counts: dict[int, Counter[int]] = defaultdict(Counter)
    pinned: Counter[int] = Counter()
    for rule in rules:
        for axis, values in keys[rule].items():
            counts[axis].update(values)
            pinned[axis] += 1
    return counts, pinned
