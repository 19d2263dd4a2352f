"""JSON paths of message maps: `$`, then `.name`, `['any name']` or `[*]`.

A path finds places; a place is the keys and indices that lead to a value. What is absent is not found. What is there
and of another kind than the path expects (a text where an object should be) is a MessageMismatchError, because data
would otherwise slip past the map unmasked.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from jingxi_client.errors import MessageMismatchError, PathError

Place = tuple[str | int, ...]


class _Every:
    def __repr__(self) -> str:
        return "[*]"


_IMMUTABLE = frozenset({str, int, float, bool, type(None), Decimal})

EVERY: Final = _Every()
"""The step `[*]`."""
Steps = tuple[str | _Every, ...]

_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_\u0080-\uD7FF\uE000-\U0010FFFF][0-9A-Za-z_\u0080-\uD7FF\uE000-\U0010FFFF-]*)"
    r"|\['(?P<quoted>(?:[^'\\]|\\['\\])+)'\]"
    r"|(?P<every>\[\*\])"
)


@dataclass(frozen=True, slots=True)
class Path:
    """A path: its text and its steps, each a member's name or EVERY."""

    text: str
    steps: Steps

    @property
    def names(self) -> tuple[str, ...]:
        """The steps of a path without EVERY."""
        return self.steps  # type: ignore[return-value]

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> Path:
    """Return the path that a text writes. Raises PathError."""
    if not text.startswith("$"):
        raise PathError(f"path `{text}` does not begin with `$`")
    steps: list[str | _Every] = []
    end = 1
    while end < len(text):
        match = _STEP.match(text, end)
        if match is None:
            raise PathError(
                f"path `{text}` cannot be read at character {end + 1}; use `.name`, `['any name']` or `[*]`"
            )
        if match["every"]:
            steps.append(EVERY)
        else:
            steps.append(match["name"] or re.sub(r"\\(.)", r"\1", match["quoted"]))
        end = match.end()
    return Path(text, tuple(steps))


def find(document: Any, path: Path, start: Place = ()) -> list[tuple[Place, Any]]:
    """Return every place below `start` that the path leads to, in the document's order, with the value there.

    A place that holds null is found; nothing is found below it. Raises MessageMismatchError.
    """
    value = get(document, start) if start else document
    count = 0
    for step in path.steps:
        if step is EVERY:
            break
        if value is None:
            return []
        if not isinstance(value, dict):
            raise MessageMismatchError(f"path `{path}` expects an object at `{show((*start, *path.names[:count]))}`")
        if step not in value:
            return []
        value = value[step]
        count += 1
    found = [((*start, *path.names[:count]), value)]
    for step in path.steps[count:]:
        found = [hit for place, value in found for hit in _follow(path, place, value, step)]
    return found


def get(document: Any, place: Place) -> Any:
    """Return the value at a place; None when something on the way is gone."""
    value = document
    for key in place:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list | tuple) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def copied(document: Any) -> Any:
    """Return a deep copy whose objects are dicts and whose lists are lists, so that every place can be written."""
    kind = type(document)
    if kind is dict:
        made = document.copy()
        # Most members are texts and numbers, which need nothing more.
        for key, value in document.items():
            of = type(value)
            if of is not str and of not in _IMMUTABLE:
                made[key] = copied(value)
        return made
    if kind is list:
        return [item if type(item) in _IMMUTABLE else copied(item) for item in document]
    if kind in _IMMUTABLE:
        return document
    if isinstance(document, dict):
        return {key: copied(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [copied(item) for item in document]
    return copy.deepcopy(document)


def replace(document: Any, place: Place, value: Any) -> Any:
    """Put a value at a place that exists, in the document itself, and return the document (`value` at the root)."""
    if not place:
        return value
    get(document, place[:-1])[place[-1]] = value
    return document


def remove(document: Any, places: Iterable[Place]) -> Any:
    """Take places out of the document itself and return it; None when the root is among them.

    List items go from the last to the first, so that the places of the others stay true. What is gone is fine.
    """
    for place in sorted(set(places), key=_order, reverse=True):
        if not place:
            return None
        parent, key = get(document, place[:-1]), place[-1]
        if isinstance(parent, dict):
            parent.pop(key, None)
        elif isinstance(parent, list) and isinstance(key, int) and key < len(parent):
            del parent[key]
    return document


def _follow(path: Path, place: Place, value: Any, step: str | _Every) -> Iterator[tuple[Place, Any]]:
    if value is None:
        return
    if isinstance(step, _Every):
        if not isinstance(value, list | tuple):
            raise MessageMismatchError(f"path `{path}` expects a list at `{show(place)}`")
        yield from (((*place, index), item) for index, item in enumerate(value))
        return
    if not isinstance(value, dict):
        raise MessageMismatchError(f"path `{path}` expects an object at `{show(place)}`")
    if step in value:
        yield (*place, step), value[step]


def show(place: Place) -> str:
    """Return a place as people write it, such as `$.accounts[2].no`."""
    parts = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return "$" + "".join(parts)


def _order(place: Place) -> tuple[tuple[int, int, str], ...]:
    """Order places so that list indices compare as numbers and a parent comes before what is in it."""
    return tuple((0, key, "") if isinstance(key, int) else (1, 0, key) for key in place)
