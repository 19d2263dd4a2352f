"""Edits of a list that a rule holds: what stays in it stays as it is written, with its comments."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import yaml

from admin_gui.domain.policy_text.edits import remove_key, set_key
from admin_gui.domain.policy_text.outline import KeyOutline, Span, outline
from admin_gui.domain.policy_text.written import flow

Splice = tuple[Span, str]


def apply(text: str, splices: Sequence[Splice]) -> str:
    """Return a text with parts of it replaced; none may lie in another."""
    for span, words in sorted(splices, key=lambda splice: (splice[0].start, splice[0].end), reverse=True):
        text = text[: span.start] + words + text[span.end :]
    return text


def set_items(text: str, policy: str, rule: int, key: str, items: Sequence[Any]) -> str:
    """Give a key of a rule these items, none of which is a list; without any the key goes.

    A value that is no list stays a single one while it can.
    """
    if not items:
        return remove_key(text, policy, rule, key)
    held = outline(text).policy(policy).rules[rule].keys.get(key)
    whole = f"[{', '.join(map(flow, items))}]"
    if held is None:
        return set_key(text, policy, rule, key, whole)
    if not isinstance(held.data, list):
        return set_key(text, policy, rule, key, flow(items[0]) if len(items) == 1 else whole)
    found = _places(text, held)
    if found is None:
        return set_key(text, policy, rule, key, whole)
    spans, in_flow = found
    changes = SequenceMatcher(None, list(map(repr, held.data)), list(map(repr, items)), autojunk=False).get_opcodes()
    splices: list[Splice] = []
    gone: list[int] = []
    for kind, start, end, new_start, new_end in changes:
        if kind == "equal":
            continue
        both = min(end - start, new_end - new_start)
        splices += [(spans[start + n], flow(items[new_start + n])) for n in range(both)]
        gone += range(start + both, end)
        added = [flow(item) for item in items[new_start + both : new_end]]
        if added:
            splices.append(_insertion(text, spans, start + both, added, in_flow=in_flow))
    if gone and any("," in words for _, words in splices if in_flow):
        # What goes and what comes may touch the same comma.
        return set_key(text, policy, rule, key, whole)
    if len(gone) > 1 and in_flow:
        return set_key(text, policy, rule, key, whole)
    splices += [(_removal(text, spans, place, in_flow=in_flow), "") for place in gone]
    return apply(text, splices)


def set_part(text: str, policy: str, rule: int, key: str, part: str, value: str) -> str:
    """Give a part of a mapping that a rule holds another value, written as YAML; the mapping must have the part."""
    held = outline(text).policy(policy).rules[rule].keys[key]
    node: Any = yaml.compose(text[held.value.start : held.value.end], yaml.SafeLoader)
    for name, inner in node.value:
        if name.value == part:
            start = held.value.start + inner.start_mark.index
            return apply(text, [(Span(start, held.value.start + inner.end_mark.index), value)])
    raise KeyError(part)


def _places(text: str, held: KeyOutline) -> tuple[list[Span], bool] | None:
    """Return where the items stand, and whether in brackets; None where that cannot be said."""
    fragment = text[held.value.start : held.value.end]
    try:
        node = yaml.compose(fragment, yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        return None
    plain = all(
        item.flow_style if not isinstance(item, yaml.ScalarNode) else item.style not in ("|", ">")
        for item in node.value
    )
    if not plain:
        return None
    start = held.value.start
    return [Span(start + item.start_mark.index, start + item.end_mark.index) for item in node.value], bool(
        node.flow_style
    )


def _insertion(text: str, spans: Sequence[Span], place: int, added: Sequence[str], *, in_flow: bool) -> Splice:
    if in_flow:
        if place < len(spans):
            return Span(spans[place].start, spans[place].start), "".join(f"{words}, " for words in added)
        return Span(spans[-1].end, spans[-1].end), "".join(f", {words}" for words in added)
    first = text.rfind("\n", 0, spans[0].start) + 1
    dash = text[first : spans[0].start]
    lines = "".join(f"{dash}{words}\n" for words in added)
    if place < len(spans):
        at = text.rfind("\n", 0, spans[place].start) + 1
        return Span(at, at), lines
    at = text.find("\n", spans[-1].end)
    at = len(text) if at < 0 else at
    return Span(at, at), "\n" + lines.removesuffix("\n")


def _removal(text: str, spans: Sequence[Span], place: int, *, in_flow: bool) -> Span:
    if in_flow:
        if place + 1 < len(spans):
            return Span(spans[place].start, spans[place + 1].start)
        return Span(spans[place - 1].end, spans[place].end)
    start = text.rfind("\n", 0, spans[place].start)
    end = text.find("\n", spans[place].end)
    return Span(start, len(text) if end < 0 else end)
