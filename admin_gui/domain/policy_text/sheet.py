"""A policy as rows that are read again in parts: only what changed is parsed, so that 2,000 rules can be edited.

Edits are splices of the whole text. A rule in lines of its own is edited as a text of its own.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from admin_gui.domain.policy_text.edits import copy_rule, delete_rule, insert_rule, move_rule
from admin_gui.domain.policy_text.items import Splice
from admin_gui.domain.policy_text.outline import PolicyOutline, Span, outline
from admin_gui.domain.policy_text.table import Row, table

Edit = Callable[[str, str, int], str]
"""What changes a rule: from the text, the policy's id and the rule's place to the new text."""

_ALONE: Final = "kind: Policy\nid: p\nrules:\n"
_SHARED: Final = re.compile(r"[&*]\w")
_OUTSIDE: Final = re.compile(r"^(?:---|\.\.\.|[^\s#-])", re.MULTILINE)
"""Lines that belong to no rule, or end the text in which one stands."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rules of one policy of a text. Places inside `rows` hold for the text in which each was read first.

    `spans` are the whole lines of each rule with the comments right above it, `policies` the ids of all
    policies of the text, of which it is number `place`.
    """

    text: str
    policies: tuple[str, ...]
    place: int
    flow: bool
    dash: int
    rules_span: Span
    rows: tuple[Row, ...]
    spans: tuple[Span, ...]

    @property
    def policy(self) -> str:
        """The policy's id."""
        return self.policies[self.place]

    @property
    def ids(self) -> list[str]:
        """The ids of the rules."""
        return [row.rule.id for row in self.rows]

    def lines(self) -> list[int]:
        """Return the first line of each rule behind its comments, from 0."""
        found, at = [], 0
        counted = 0
        for span in self.spans:
            counted += self.text.count("\n", at, span.start)
            at, line = span.start, counted
            start = span.start
            while self.text[start : span.end].lstrip(" ").startswith("#"):
                start = self.text.find("\n", start) + 1
                line += 1
            found.append(line)
        return found


def read(text: str, place: int = 0) -> Sheet:
    """Return a policy of a text. Raises yaml.YAMLError for what is no YAML, IndexError without such a policy."""
    found = outline(text)
    return _sheet(text, [policy.id for policy in found.policies], place, found.policies[place])


def again(before: Sheet, text: str) -> Sheet:
    """Return the same policy of another text, for which only what differs is read. Raises as `read` does."""
    if text == before.text:
        return before
    return _in_parts(before, text) or read(text, before.place)


def change(sheet: Sheet, edits: Mapping[int, Sequence[Edit]]) -> list[Splice]:
    """Change rules, each by its edits one after the other."""
    splices: list[Splice] = []
    for row, each in sorted(edits.items()):
        alone = None if sheet.flow else _alone(sheet, row)
        if alone is None:
            text = sheet.text
            for number in sorted(edits):
                for edit in edits[number]:
                    text = edit(text, sheet.policy, number)
            return _difference(sheet.text, text)
        text = alone
        for edit in each:
            text = edit(text, "p", 0)
        moved = sheet.spans[row].start - len(_ALONE)
        splices += [(Span(span.start + moved, span.end + moved), words) for span, words in _difference(alone, text)]
    return splices


def insert(sheet: Sheet, at: int, rules: Sequence[str]) -> list[Splice]:
    """Put rules before that of a place, or behind all; each is a block mapping without indentation."""
    if not rules:
        return []
    if not sheet.rows:
        end = _line_end(sheet.text, sheet.rules_span.end)
        start = sheet.rules_span.start
        start -= len(sheet.text[:start]) - len(sheet.text[:start].rstrip(" "))
        items = "".join(_item(rule, 2) for rule in rules)
        broken = sheet.text[end - 1 : end] == "\n"
        return [
            (Span(start, sheet.rules_span.end), ""),
            (Span(end, end), items if broken else f"\n{items}".rstrip("\n")),
        ]
    if sheet.flow:
        text = sheet.text
        for number, rule in enumerate(rules):
            text = insert_rule(text, sheet.policy, at + number, rule)
        return _difference(sheet.text, text)
    items = "".join(_item(rule, sheet.dash) for rule in rules)
    if at < len(sheet.rows):
        start = sheet.spans[at].start
        return [(Span(start, start), items)]
    end = sheet.spans[-1].end
    ended = sheet.text[end - 1] == "\n"
    return [(Span(end, end), items if ended else f"\n{items}".removesuffix("\n"))]


def delete(sheet: Sheet, rows: Iterable[int]) -> list[Splice]:
    """Take rules out, with the comments right above them."""
    gone = sorted(set(rows))
    if not sheet.flow and len(gone) < len(sheet.rows):
        return [(sheet.spans[row], "") for row in gone]
    text = sheet.text
    for row in reversed(gone):
        text = delete_rule(text, sheet.policy, row)
    return _difference(sheet.text, text)


def duplicate(sheet: Sheet, rows: Iterable[int]) -> list[Splice]:
    """Put a copy behind each of these rules, under ids of their own."""
    ids = set(sheet.ids)
    text = sheet.text
    chosen = sorted(set(rows))
    splices: list[Splice] = []
    for row in chosen:
        name = free(sheet.ids[row] or "rule", ids)
        ids.add(name)
        alone = None if sheet.flow else _alone(sheet, row)
        if alone is None:
            ids = set(sheet.ids)
            for number, each in enumerate(chosen):
                name = free(sheet.ids[each] or "rule", ids)
                ids.add(name)
                text = copy_rule(text, sheet.policy, each + number, name)
            return _difference(sheet.text, text)
        copied = copy_rule(alone, "p", 0, name)[len(alone) :]
        splices.append((Span(sheet.spans[row].end, sheet.spans[row].end), copied))
    return splices


def move(sheet: Sheet, rows: Iterable[int], step: int) -> tuple[list[Splice], list[int]]:
    """Put rules one place up (-1) or down (1), with the comments right above them; also return where they are then.

    Nothing moves when one of them is at the end already.
    """
    chosen = sorted(set(rows))
    if not chosen or chosen[0] + step < 0 or chosen[-1] + step >= len(sheet.rows):
        return [], chosen
    order = list(range(len(sheet.rows)))
    for row in chosen if step < 0 else reversed(chosen):
        order[row], order[row + step] = order[row + step], order[row]
    after = [row + step for row in chosen]
    if sheet.flow:
        text = sheet.text
        for row in chosen if step < 0 else list(reversed(chosen)):
            text = move_rule(text, sheet.policy, row, row + step)
        return _difference(sheet.text, text), after
    splices = []
    last = len(order) - 1
    for place, source in enumerate(order):
        if place == source:
            continue
        words = sheet.text[sheet.spans[source].start : sheet.spans[source].end]
        if not words.endswith("\n"):
            words += "\n"
        if place == last and not sheet.text[: sheet.spans[last].end].endswith("\n"):
            words = words.removesuffix("\n")
        splices.append((sheet.spans[place], words))
    return splices, after


def free(name: str, taken: set[str]) -> str:
    """Return an id like this one that no rule has."""
    if name not in taken:
        return name
    stem = re.sub(r"-\d+$", "", name)
    return next(found for number in range(2, 10**9) if (found := f"{stem}-{number}") not in taken)


def _sheet(text: str, policies: Sequence[str], place: int, policy: PolicyOutline) -> Sheet:
    spans = tuple(rule.block for rule in policy.rules)
    rows = table(policy).rows
    return Sheet(text, tuple(policies), place, policy.rules_flow, policy.dash, policy.rules_span, rows, spans)


def _in_parts(before: Sheet, text: str) -> Sheet | None:
    """Return a text read where it differs; None where that could be wrong."""
    if before.flow or not before.rows:
        return None
    old = before.text
    start = _common(old, text)
    left = _common(old[start:][::-1], text[start:][::-1])
    end, delta = len(old) - left, len(text) - len(old)
    starts = [span.start for span in before.spans]
    first = bisect_left(starts, start) - 1
    behind = bisect_right(starts, end)
    if first < 0:
        return None
    if behind < len(starts):
        stop = starts[behind]
    elif all(not line.strip() or line.lstrip().startswith("#") for line in old[before.spans[-1].end :].split("\n")):
        stop = len(old)
    elif end < before.spans[-1].end:
        stop = before.spans[-1].end
    else:
        return None
    region = text[starts[first] : stop + delta]
    if behind < len(starts) and region.rstrip("\n").rpartition("\n")[2].lstrip(" ").startswith("#"):
        # Comments right above the next rule go with it.
        return None
    if _OUTSIDE.search(region):
        return None
    if _SHARED.search(region) or _SHARED.search(old, starts[first], stop):
        return None
    try:
        [policy] = outline(_ALONE + region).policies
    except (yaml.YAMLError, ValueError):
        return None
    if policy.rules_flow or not policy.rules or policy.dash != before.dash or policy.line:
        return None
    moved = starts[first] - len(_ALONE)
    spans = (
        *before.spans[:first],
        *(Span(rule.block.start + moved, rule.block.end + moved) for rule in policy.rules),
        *(Span(span.start + delta, span.end + delta) for span in before.spans[behind:]),
    )
    rows = (*before.rows[:first], *table(policy).rows, *before.rows[behind:])
    rules = Span(before.rules_span.start, before.rules_span.end + delta)
    return Sheet(text, before.policies, before.place, False, before.dash, rules, rows, spans)


def _alone(sheet: Sheet, row: int) -> str | None:
    """Return a rule as a text of its own; None for one that needs what stands elsewhere."""
    span = sheet.spans[row]
    words = sheet.text[span.start : span.end]
    if not _SHARED.search(words):
        return _ALONE + words
    try:
        [policy] = outline(_ALONE + words).policies
    except (yaml.YAMLError, ValueError):
        return None
    return _ALONE + words if len(policy.rules) == 1 else None


def _difference(before: str, after: str) -> list[Splice]:
    if before == after:
        return []
    start = _common(before, after)
    left = _common(before[start:][::-1], after[start:][::-1])
    return [(Span(start, len(before) - left), after[start : len(after) - left])]


def _common(first: str, second: str) -> int:
    """Return how many characters two texts have in common at their beginnings."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _item(rule: str, dash: int) -> str:
    lines = rule.strip("\n").split("\n")
    inner = " " * (dash + 2)
    return " " * dash + "- " + "\n".join([lines[0], *(inner + line if line else line for line in lines[1:])]) + "\n"


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1
