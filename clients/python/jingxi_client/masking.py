"""The masked copy of a message: what was asked about it, and how each field is masked.

Equal answers are one tuple of verdicts in an offline client. For such a tuple it is worked out once which members of
which objects to mask by which function, and kept: see `Maskers`.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from jingxi_client import paths
from jingxi_client._text import TextMask, has_lone_surrogate
from jingxi_client.decisions import Decision, Mask, Verdict
from jingxi_client.errors import MaskUnavailableError
from jingxi_client.keys import KeyProvider, no_keys
from jingxi_client.masks import DROP, HIDDEN, Masker, ValueMask, masker
from jingxi_client.message_map import FULL, Part, Plan

MOST_KEPT = 4_096

MaskOf = Callable[[str], Mask | None]
"""From a field to its mask; None for showing it as it is."""


class _Way(NamedTuple):
    """How a field is masked. `masker` is None where that may be another one for the next message."""

    mask: Mask
    masker: Masker | None


Members = tuple[tuple[str, TextMask | None, _Way], ...]
Recipe = tuple[
    tuple[tuple[tuple[str, ...], paths.Steps, Members], ...], tuple[tuple[tuple[paths.Path, ...], _Way], ...]
]
"""How a part is masked: of objects that names, and from the first list on steps, lead to members by key; then fields
that are looked for by paths.
"""


class Maskers:
    """Masks made ready for further messages. Safe to share between threads.

    `today` is for tests. With `lasting` verdicts are recognized by their tuple; only for those that come again.
    """

    def __init__(
        self, keys: KeyProvider = no_keys, today: datetime.date | None = None, *, lasting: bool = False
    ) -> None:
        self._keys = keys
        self.today = today
        self._lasting = lasting
        self._kept: dict[Any, Masker] = {}
        self._recipes: dict[tuple[int, int], tuple[Part, tuple[Verdict, ...], Recipe]] = {}

    def recipe(self, part: Part, verdicts: tuple[Verdict, ...]) -> Recipe:
        """Return how a part is masked by verdicts. A field without a verdict is masked in full."""
        known = self._recipes.get((id(part), id(verdicts)))
        if known is not None:
            return known[2]
        masks = {verdict.field: verdict.mask for verdict in verdicts}
        made = self.recipe_by(part, lambda name: masks.get(name, FULL))
        if self._lasting:
            if len(self._recipes) >= MOST_KEPT:
                self._recipes.clear()
            # What ids stand for is kept with them, so that they stay theirs.
            self._recipes[id(part), id(verdicts)] = (part, verdicts, made)
        return made

    def recipe_by(self, part: Part, mask_of: MaskOf) -> Recipe:
        """Return how a part is masked when this tells each field's mask."""
        ways = [None if mask is None else self._way(mask) for mask in (mask_of(name) for name, _ in part.fields)]
        groups = []
        for steps, members in part.reading.groups:
            masked = tuple(
                (key, _of_text(way.masker), way) for position, key in members if (way := ways[position]) is not None
            )
            if masked:
                names = tuple(
                    step for step in itertools.takewhile(lambda s: s is not paths.EVERY, steps) if isinstance(step, str)
                )
                groups.append((names, steps[len(names) :], masked))
        single = tuple((own, way) for position, own in part.reading.single if (way := ways[position]) is not None)
        return tuple(groups), single

    def make(self, mask: Mask) -> Masker:
        """Return a mask as a function, for this message. Raises MaskUnavailableError."""
        return masker(mask.algorithm, mask.parameters, keys=self._keys, today=self.today)

    def _way(self, mask: Mask) -> _Way:
        if "key" in mask.parameters or (mask.algorithm == "date_trunc" and mask.parameters.get("unit") == "age"):
            return _Way(mask, None)  # the key may change, and the day does
        key = _key_of(mask)
        found = self._kept.get(key)
        if found is None:
            try:
                found = self.make(mask)
            except MaskUnavailableError:
                return _Way(mask, None)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = found
        return _Way(mask, found)


def masked_copy(
    message: Any, asked: Plan, decisions: Iterable[Decision | None], maskers: Maskers
) -> tuple[Any, list[str]]:
    """Return a deep copy masked as the decisions say, one for each question, and the problems that arose.

    A field without a verdict, and every field of a question whose decision is None, is masked in full.
    """
    work = _Masking(message, maskers)
    for question, decision in zip(asked.questions, decisions, strict=True):
        work.mask(question.place, maskers.recipe(question.part, decision.verdicts if decision else ()))
    return work.finish(), work.problems


def masked_by(
    message: Any, asked: Plan, masks: Mapping[str, Mask], passing: frozenset[str], maskers: Maskers
) -> tuple[Any, list[str]]:
    """Return a deep copy in which every field is masked by its mask, but for those that pass; and the problems."""
    work = _Masking(message, maskers)
    recipes: dict[str, Recipe] = {}
    for question in asked.questions:
        part = question.part
        if part.name not in recipes:
            recipes[part.name] = maskers.recipe_by(part, lambda name: None if name in passing else masks[name])
        work.mask(question.place, recipes[part.name])
    return work.finish(), work.problems


class _Masking:
    """Masks a copy of a message. Items of lists are dropped at the end, so that the places of others stay true."""

    __slots__ = ("_document", "_dropped", "_made", "_maskers", "_message", "problems")

    def __init__(self, message: Any, maskers: Maskers) -> None:
        self.problems: list[str] = []
        self._message = message
        self._document = paths.copied(message)
        self._maskers = maskers
        self._made: dict[Any, Masker] = {}
        self._dropped: list[paths.Place] = []

    def mask(self, place: paths.Place, recipe: Recipe) -> None:
        """Mask a part whose items, or whose message, is at this place."""
        groups, single = recipe
        document = paths.get(self._document, place) if place else self._document
        for names, steps, members in groups:
            holder = document
            # A mask on what encloses the object may have replaced it.
            for name in names:
                holder = holder.get(name) if type(holder) is dict else None
            if holder is None:
                continue
            if steps:
                self._mask_along(holder, steps, members)
            elif type(holder) is dict:
                self._mask_members(holder, members)
        for own, way in single:
            for path in own:
                found = paths.find(self._message, path, place)
                if found:
                    self._mask_places([hit for hit, _ in found], way.masker or self._make(way.mask))

    def _mask_along(self, holder: Any, steps: paths.Steps, members: Members) -> None:
        """Mask members of all objects that these steps lead to, through lists."""
        if not steps:
            if type(holder) is dict:
                self._mask_members(holder, members)
        elif not isinstance(steps[0], str):
            for item in holder if type(holder) is list else ():
                self._mask_along(item, steps[1:], members)
        elif type(holder) is dict:
            self._mask_along(holder.get(steps[0]), steps[1:], members)

    def _mask_members(self, holder: dict[Any, Any], members: Members) -> None:
        for key, of_text, way in members:
            if key not in holder:
                continue
            value = holder[key]
            # What a mask does with nearly all values, without calls in between. ASCII and what can be printed hold no
            # lone surrogate.
            if (
                type(value) is str
                and value
                and of_text
                and (value.isascii() or value.isprintable() or not has_lone_surrogate(value))
            ):
                holder[key] = of_text(value)
                continue
            shown = (way.masker or self._make(way.mask))(value)
            if shown is DROP:
                del holder[key]
            else:
                holder[key] = shown

    def finish(self) -> Any:
        return paths.remove(self._document, self._dropped) if self._dropped else self._document

    def _mask_places(self, places: Iterable[paths.Place], masker: Masker) -> None:
        for place in places:
            if not place:
                self._document = self._shown(place, masker(self._document))
                continue
            parent, key = paths.get(self._document, place[:-1]), place[-1]
            # A mask on what encloses the place may have replaced it.
            if isinstance(parent, dict):
                if key in parent:
                    parent[key] = self._shown(place, masker(parent[key]))
            elif isinstance(parent, list) and isinstance(key, int) and key < len(parent):
                parent[key] = self._shown(place, masker(parent[key]))

    def _shown(self, place: paths.Place, value: Any) -> Any:
        if value is DROP:
            self._dropped.append(place)
            return HIDDEN
        return value

    def _make(self, mask: Mask) -> Masker:
        """Return a mask for this message; one that cannot be performed drops the field."""
        key = _key_of(mask)
        found = self._made.get(key)
        if found is None:
            try:
                found = self._maskers.make(mask)
            except MaskUnavailableError as error:
                self.problems.append(f"fields masked by `{mask.name or mask.algorithm}` were dropped: {error}")
                found = masker("suppress", {})
            self._made[key] = found
        return found


def _of_text(masker: Masker | None) -> TextMask | None:
    return masker.text if isinstance(masker, ValueMask) else None


def _key_of(mask: Mask) -> Any:
    """Return what tells masks apart. The types count: 1 and True are equal, and only one of them is a count."""
    key = (mask.algorithm, *((name, type(value), value) for name, value in sorted(mask.parameters.items())))
    try:
        hash(key)
    except TypeError:  # a parameter that no mask accepts
        return repr(key)
    return key
