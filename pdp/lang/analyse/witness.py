"""From demands to a request that meets them: pleasant values first, then a bounded search where tests are involved."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pdp.lang.analyse.axes import ACTIVE, Axes, Kind, points_of
from pdp.lang.analyse.clock import PLEASANT, Reading, moment
from pdp.lang.analyse.cubes import Cube
from pdp.lang.analyse.joint import Joint
from pdp.lang.analyse.regions import BOOLEAN, Domain, Region, domain_of, holds, meets, only
from pdp.lang.analyse.regular import example
from pdp.lang.expr import Call, Expr, Literal, walk
from pdp.lang.model import Attribute
from pdp.values import NANOS, AttributeType

_POOL: Final = 12
_PLEASANT: Final[Mapping[str, Any]] = {
    "subject.id": "T1001", "resource.id": "C1001", "resource.type": "customer", "action.name": "query",
    "grant.approver": "M0001", "grant.scenario": "service", "grant.approver_level": 5,
}  # fmt: skip
_COMMON: Final[Mapping[AttributeType, tuple[Any, ...]]] = {
    AttributeType.STRING: ("other", "another", "third"),
    AttributeType.INT: (0, 1),
    AttributeType.DOUBLE: (0.0, 1.0),
    AttributeType.BOOL: (False,),
    AttributeType.TIMESTAMP: (PLEASANT,),
    AttributeType.DURATION: (3_600 * NANOS,),
}

# (place of the grant, -1 for the request itself; attribute)
Slot = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Values of the attributes, by dotted name, and of `grant.*` for each grant that the request names."""

    values: Mapping[str, Any]
    grants: tuple[Mapping[str, Any], ...]


class Witnesses:
    """Makes assignments."""

    def __init__(self, attributes: Mapping[str, Attribute], axes: Axes) -> None:
        self._attributes = attributes
        self._axes = axes

    def assignments(self, joint: Joint, names: Iterable[str]) -> Iterator[Assignment]:
        """Yield candidates that give all these attributes values; the demands' tests still have to be tried."""
        needed = sorted(name for name in names if not name.startswith("grant."))
        start = self._filled(-1, joint.request, needed)
        for place, cube in enumerate(joint.grants):
            start |= self._filled(place, cube, [n for n in self._attributes if n.startswith("grant.")])
        pools = self._pools(joint, start)
        if not pools:
            yield _assignment(start, len(joint.grants))
            return
        for chosen in itertools.product(*pools.values()):
            yield _assignment(start | dict(zip(pools, chosen, strict=True)), len(joint.grants))

    def _filled(self, place: int, cube: Cube, names: Iterable[str]) -> dict[Slot, Any]:
        demands: dict[str, Cube] = defaultdict(dict)
        for axis, region in cube.items():
            if self._axes.all[axis].kind is not Kind.TEST:
                demands[self._axes.all[axis].attributes[0]][axis] = region
        return {(place, name): self._value(name, demands[name], active=place >= 0) for name in names}

    def _value(self, name: str, demands: Cube, active: bool) -> Any:
        attribute = self._attributes[name]
        if name == ACTIVE:
            return active
        if attribute.type.is_list:
            return self._list(attribute, demands)
        if attribute.type is AttributeType.STRING_MAP:
            held = dict(attribute.default or {})
            for axis, region in demands.items():
                text = _pick(self._axes.all[axis].domain, region, ("high", *_COMMON[AttributeType.STRING]))
                held.pop(self._axes.all[axis].detail, None)
                if text is not None:
                    held[self._axes.all[axis].detail] = text
            return held
        own = self._axes.attribute(name)
        region = demands.get(own, self._axes.all[own].universe) if own is not None else ()
        readings = tuple(
            Reading(self._axes.all[axis].detail[0], self._axes.all[axis].detail[1], r)
            for axis, r in demands.items()
            if self._axes.all[axis].kind is Kind.ACCESSOR
        )
        if readings and (found := moment(region, readings)) is not None:
            return found
        return _pick(self._domain(name), region, self._preferred(attribute))

    def _list(self, attribute: Attribute, demands: Cube) -> tuple[Any, ...]:
        members = tuple(self._axes.all[a].detail for a, r in demands.items() if not holds(r, BOOLEAN.at(False)))
        default = attribute.default
        if default and not any(self._excluded(demands, item) for item in default):
            return (*default, *(m for m in members if m not in default))
        return members

    def _excluded(self, demands: Cube, item: Any) -> bool:
        return any(
            self._axes.all[axis].detail == item and not holds(region, BOOLEAN.at(True))
            for axis, region in demands.items()
            if self._axes.all[axis].kind is Kind.MEMBER
        )

    def _preferred(self, attribute: Attribute) -> tuple[Any, ...]:
        own = () if attribute.default is None else (attribute.default,)
        known = (_PLEASANT[attribute.name],) if attribute.name in _PLEASANT else ()
        return (*own, *(a.value for a in attribute.allowed), *known, *_COMMON[attribute.type])

    def _domain(self, name: str) -> Domain:
        domain = domain_of(self._attributes[name].type)
        if domain is None:
            raise AssertionError(f"{name} is not a scalar")
        return domain

    def _pools(self, joint: Joint, start: Mapping[Slot, Any]) -> dict[Slot, list[Any]]:
        """Return the values to try for each attribute that a test depends on."""
        tests: dict[Slot, list[Expr]] = defaultdict(list)
        partners: dict[Slot, set[Slot]] = defaultdict(set)
        for place, cube in [(-1, joint.request), *enumerate(joint.grants)]:
            for axis in cube:
                if self._axes.all[axis].kind is Kind.TEST:
                    names = [name for name in self._axes.all[axis].attributes if name != ACTIVE]
                    slots = {(place if name.startswith("grant.") else -1, name) for name in names} & start.keys()
                    for slot in slots:
                        tests[slot].append(self._axes.all[axis].detail)
                        partners[slot] |= slots - {slot}
        pools = {}
        # The last ones vary first: values that read well elsewhere stay as they are while others follow them.
        for slot in sorted(tests, key=lambda slot: (slot[1] not in _PLEASANT, slot)):
            cube = joint.request if slot[0] < 0 else joint.grants[slot[0]]
            pools[slot] = self._pool(slot, cube, tests[slot], {p: start[p] for p in partners[slot]}, start[slot])
        return pools

    def _pool(self, slot: Slot, cube: Cube, tests: list[Expr], partners: Mapping[Slot, Any], start: Any) -> list[Any]:
        attribute = self._attributes[slot[1]]
        constants = [node for test in tests for node in walk(test) if isinstance(node, Literal)]
        demands = {a: r for a, r in cube.items() if slot[1] in self._axes.all[a].attributes}
        if attribute.type.is_list:
            return self._lists(attribute, demands, constants, partners, start)
        if attribute.type is AttributeType.STRING_MAP:
            texts = [c.value for c in constants if isinstance(c.value, str)]
            keys = sorted({key for test in tests for node in walk(test) if (key := _entry_read(node)) is not None})
            tried = [start, *({**start, key: text} for key in keys for text in texts), {}]
            return tried[:_POOL]
        axis = self._axes.attribute(slot[1])
        if axis is None:
            return [start]
        domain = self._axes.all[axis].domain
        region = cube.get(axis, self._axes.all[axis].universe)
        few = points_of(domain, region, _POOL)
        if few is not None:
            return [start, *(value for value in few if value != start)]
        others = [v for (_, n), v in partners.items() if self._attributes[n].type is attribute.type]
        near = _NEAR.get(attribute.type, _exactly)(start, constants, others)
        ends = [domain.value(low) for low, _ in region if low != domain.every[0][0]]
        pool: dict[Any, None] = {start: None}
        for value in (*near, *ends):
            if _lies_in(domain, region, value):
                pool[value] = None
        return list(pool)[: 2 * _POOL]

    def _lists(
        self, attribute: Attribute, demands: Cube, constants: list[Literal], partners: Mapping[Slot, Any], start: Any
    ) -> list[Any]:
        element = attribute.type.element
        items = [a.value for a in attribute.allowed]
        if not items:
            found = [c.value for c in constants if c.type.name == element.value]
            found += [v for (_, name), v in partners.items() if self._attributes[name].type is element]
            items = list(dict.fromkeys([*found, *_COMMON[element]]))
        items = [item for item in items if item not in start and not self._excluded(demands, item)]
        pool = [start, *((*start, item) for item in items), *(tuple(start) + tuple(items[:n]) for n in (2, 3, 5))]
        wanted = [c.value for c in constants if isinstance(c.value, int) and 0 < c.value <= 100]
        if items or start:
            filler = tuple(items[:1] or start[:1])
            pool += [tuple(start) + filler * max(n - len(start), 0) for n in wanted]
        return list(dict.fromkeys(pool))[: 2 * _POOL]


def _assignment(slots: Mapping[Slot, Any], grants: int) -> Assignment:
    places: list[dict[str, Any]] = [{} for _ in range(grants + 1)]
    for (place, name), value in slots.items():
        places[place][name] = value
    return Assignment(places[-1], tuple(places[:-1]))


def _lies_in(domain: Domain, region: Region, value: Any) -> bool:
    """Whether a region holds a value, which may lie outside the domain itself."""
    return meets(only(domain, (value,)), region)


def _pick(domain: Domain, region: Region, preferred: Iterable[Any]) -> Any:
    """Return a value of the region: a preferred one, a round one, or one at an end."""
    for value in (*preferred, *_round(domain, region)):
        if _lies_in(domain, region, value):
            return value
    return domain.value(region[0][0])


def _round(domain: Domain, region: Region) -> Iterator[Any]:
    """Yield tidy values near the lower and the upper ends of a region, in it or not."""
    low_end, high_end = domain.every[0][0], domain.every[-1][1]
    for low, high in region:
        first = domain.value(low)
        if isinstance(first, str):
            yield first if first.isprintable() else first.replace("\0", "1")
        elif isinstance(first, float):
            last = domain.value(high - 1)
            for end, sign in ((first, 1.0), (last, -1.0)):
                if abs(end) < 1e15:
                    yield float(round(end)) if abs(end - round(end)) < 1e-6 else end
                    yield float(int(end) + sign)
                    yield end
            yield (first + last) / 2
        elif isinstance(first, int) and not isinstance(first, bool):
            for end in [cut for cut, limit in ((low, low_end), (high - 1, high_end - 1)) if cut != limit]:
                if abs(end) > 10**15:  # a time, if anything: full hours and full seconds read better
                    for unit in (3_600 * NANOS, NANOS):
                        yield from (-(-end // unit) * unit, end // unit * unit)
                yield end


def _entry_read(node: Expr) -> str | None:
    match node:
        case Call(function="index_map", args=(_, Literal(value=str() as key))):
            return key
    return None


def _exactly(start: Any, constants: list[Literal], others: list[Any]) -> list[Any]:
    return [*others, *(c.value for c in constants if type(c.value) is type(start))]


def _texts(start: Any, constants: list[Literal], others: list[Any]) -> list[Any]:
    written = [c.value for c in constants if isinstance(c.value, str)]
    # A constant may be a pattern; what is none gives an example as well, and the trial tells.
    examples = [found for text in written if (found := example(text)) is not None]
    texts = list(dict.fromkeys([*examples, *others, *written]))
    return [*texts, "", *(a + b for a in texts for b in texts if a != b), *(t + start for t in texts)]


def _numbers(start: Any, constants: list[Literal], others: list[Any]) -> list[Any]:
    numbers = [c.value for c in constants if isinstance(c.value, int | float) and not isinstance(c.value, bool)]
    numbers = [type(start)(n) for n in dict.fromkeys([*others, *numbers]) if abs(n) < 2**62]
    spread = [n + d for n in numbers for d in (0, 1, -1)]
    sums = [a + sign * b for a in others for b in numbers for sign in (1, -1)]
    products = [a * b for a in numbers for b in numbers]
    large = [type(start)(sign * 10**6) for sign in (1, -1)]
    return [*spread, *sums, *large, *(n + d for n in products if abs(n) < 2**62 for d in (0, 1, -1))]


def _times(start: Any, constants: list[Literal], others: list[Any]) -> list[Any]:
    spans = [c.value for c in constants if c.type.name == "duration"]
    moments = [start, *others, *(c.value for c in constants if c.type.name == "timestamp")]
    steps = [0, NANOS, -NANOS, *(s for span in spans for d in (0, NANOS, -NANOS) for s in (-span + d, span + d))]
    return [m + step for step in steps for m in moments]


_NEAR: Final[Mapping[AttributeType, Callable[[Any, list[Literal], list[Any]], list[Any]]]] = {
    AttributeType.STRING: _texts,
    AttributeType.INT: _numbers,
    AttributeType.DOUBLE: _numbers,
    AttributeType.TIMESTAMP: _times,
    AttributeType.DURATION: _times,
}
