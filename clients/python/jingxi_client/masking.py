"""The masked copy of a message: what was asked about it, and how each field is masked."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from jingxi_client import paths
from jingxi_client.decisions import Decision, Mask
from jingxi_client.errors import MaskUnavailableError
from jingxi_client.keys import KeyProvider
from jingxi_client.masks import DROP, HIDDEN, Masker, masker
from jingxi_client.message_map import FULL, Plan

Lasting = dict[int, tuple[Mask, Masker]]
"""Masks made ready that serve further messages, by the id of the Mask, which is kept with them."""

MOST_LASTING = 4_096


def masked_copy(
    message: Any,
    asked: Plan,
    decisions: Iterable[Decision | None],
    keys: KeyProvider,
    today: datetime.date | None = None,
    lasting: Lasting | None = None,
) -> tuple[Any, list[str]]:
    """Return a deep copy masked as the decisions say, one for each question, and the problems that arose.

    A field without a verdict, and every field of a question whose decision is None, is masked in full.
    """
    work = _Masking(paths.copied(message), keys, today, lasting)
    for question, decision in zip(asked.questions, decisions, strict=True):
        verdicts = {v.field: v.mask for v in decision.verdicts} if decision else {}
        for name, places in question.fields:
            mask = verdicts.get(name, FULL)
            if mask is not None and places:
                work.mask(places, mask)
    return work.finish(), work.problems


def masked_by(
    message: Any,
    asked: Plan,
    masks: Mapping[str, Mask],
    passing: frozenset[str],
    keys: KeyProvider,
    today: datetime.date | None = None,
) -> tuple[Any, list[str]]:
    """Return a deep copy in which every field is masked by its mask, but for those that pass; and the problems."""
    work = _Masking(paths.copied(message), keys, today, None)
    for question in asked.questions:
        for name, places in question.fields:
            if name not in passing:
                work.mask(places, masks[name])
    return work.finish(), work.problems


class _Masking:
    """Masks places of a document. Drops wait until the end, so that the places of list items stay true."""

    def __init__(self, document: Any, keys: KeyProvider, today: datetime.date | None, lasting: Lasting | None) -> None:
        self.problems: list[str] = []
        self._document = document
        self._keys = keys
        self._today = today
        self._lasting = lasting
        self._maskers: dict[str, Masker] = {}
        self._dropped: list[paths.Place] = []

    def mask(self, places: Iterable[paths.Place], mask: Mask) -> None:
        masker = self._masker(mask)
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

    def finish(self) -> Any:
        return paths.remove(self._document, self._dropped) if self._dropped else self._document

    def _shown(self, place: paths.Place, value: Any) -> Any:
        if value is DROP:
            self._dropped.append(place)
            return HIDDEN
        return value

    def _masker(self, mask: Mask) -> Masker:
        lasting = self._lasting
        if lasting is not None:
            held = lasting.get(id(mask))
            if held is not None:
                return held[1]
        key = repr((mask.algorithm, sorted(mask.parameters.items())))
        found = self._maskers.get(key)
        if found is None:
            try:
                found = masker(mask.algorithm, mask.parameters, keys=self._keys, today=self._today)
            except MaskUnavailableError as error:
                self.problems.append(f"fields masked by `{mask.name or mask.algorithm}` were dropped: {error}")
                found = masker("suppress", {})
            else:
                self._keep(mask, found)
            self._maskers[key] = found
        return found

    def _keep(self, mask: Mask, found: Masker) -> None:
        """Let a mask serve further messages, unless it depends on a key or on the day."""
        of_the_day = mask.algorithm == "date_trunc" and mask.parameters.get("unit") == "age"
        if self._lasting is None or "key" in mask.parameters or of_the_day:
            return
        if len(self._lasting) >= MOST_LASTING:
            self._lasting.clear()
        self._lasting[id(mask)] = (mask, found)
