"""What a request must be like for two rules to apply together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pdp.lang.analyse.axes import ACTIVE, Axes
from pdp.lang.analyse.cubes import Cube, meet
from pdp.lang.analyse.prepared import Prepared
from pdp.lang.analyse.regions import BOOLEAN, holds


@dataclass(frozen=True, slots=True)
class Joint:
    """Demands on the request itself and on each of the grants that it names."""

    request: Cube
    grants: tuple[Cube, ...]


def joints(first: Prepared, second: Prepared, axes: Axes) -> Iterator[Joint]:
    """Yield the ways in which two rules can apply to one request, under one grant where that is possible."""
    active = axes.one_of(ACTIVE, (True,))
    for left in first.cubes:
        for right in second.cubes:
            shared, own = _parted(left, axes)
            other_shared, other_own = _parted(right, axes)
            request = meet(shared, other_shared)
            if request is None:
                continue
            granted = active is not None and holds(request.pop(active.axis, ((0, 1),)), BOOLEAN.at(True))
            if not granted:
                yield Joint(request, ())
            elif not (first.grants and second.grants):
                yield Joint(request, (own if first.grants else other_own,))
            else:
                same = meet(own, other_own)
                if same is not None:
                    yield Joint(request, (same,))
                yield Joint(request, (own, other_own))


def _parted(cube: Cube, axes: Axes) -> tuple[Cube, Cube]:
    """Return what a cube demands of the request and what it demands of a grant."""
    request = {axis: region for axis, region in cube.items() if not axes.all[axis].private}
    return request, {axis: region for axis, region in cube.items() if axes.all[axis].private}
