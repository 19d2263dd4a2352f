"""Edits of rules as splices of the text. Each returns the new text; what it does not concern stays as it is.

Values are given as YAML, in one line or several. Raises KeyError where there is no such policy, IndexError where there
is no such rule.
"""

from __future__ import annotations

import re
import textwrap

import yaml

from admin_gui.domain.policy_text.outline import PolicyOutline, RuleOutline, Span, outline
from admin_gui.domain.policy_text.written import written


def set_key(text: str, policy: str, rule: int, key: str, value: str) -> str:
    """Give a key of a rule another value, or a rule another key, as its last."""
    found = _rule(_policy(text, policy), rule)
    value = _in_line(value) if found.flow else value
    held = found.keys.get(key)
    if held is not None:
        if "\n" in value or held.value.start == held.colon:
            return _splice(text, Span(held.colon, held.value.end), _fitting(value, found))
        return _splice(text, held.value, value)
    if found.flow:
        closing = found.item.end - 1
        comma = ", " if found.keys else ""
        return _splice(text, Span(closing, closing), f"{comma}{key}: {value}")
    last = max(held.whole.end for held in found.keys.values())
    end = _end_of_line(text, last)
    return _splice(text, Span(end, end), f"\n{' ' * found.indent}{key}:{_fitting(value, found)}")


def remove_key(text: str, policy: str, rule: int, key: str) -> str:
    """Take a key out of a rule, with the comment in its line; nothing when it is not there."""
    found = _rule(_policy(text, policy), rule)
    held = found.keys.get(key)
    if held is None:
        return text
    if found.flow:
        return _splice(text, _with_comma(text, found, held.whole), "")
    names = list(found.keys)
    end = _end_of_line(text, held.whole.end)
    if names[0] == key and len(names) > 1:
        # The dash stays: what follows moves up to it.
        return _splice(text, Span(held.whole.start, found.keys[names[1]].whole.start), "")
    start = text.rfind("\n", 0, held.whole.start)
    return _splice(text, Span(start, end), "")


def insert_rule(text: str, policy: str, index: int, rule: str) -> str:
    """Put a rule before that of an index, or behind all; `rule` is a block mapping without indentation."""
    found = _policy(text, policy)
    if found.rules_flow:
        return _insert_flow(text, found, index, rule)
    at = found.rules[index].block.start if index < len(found.rules) else found.rules[-1].block.end
    return _splice(text, Span(at, at), _lines(text, at, _item(rule, found.dash)))


def delete_rule(text: str, policy: str, rule: int) -> str:
    """Take a rule out, with the comments right above it."""
    found = _policy(text, policy)
    gone = _rule(found, rule)
    if found.rules_flow:
        spans = [each.item for each in found.rules]
        if len(spans) == 1:
            return _splice(text, gone.item, "")
        if rule + 1 < len(spans):
            return _splice(text, Span(gone.item.start, spans[rule + 1].start), "")
        return _splice(text, Span(spans[rule - 1].end, gone.item.end), "")
    if len(found.rules) == 1:
        # A list without items would be read as null.
        key = list(re.finditer(r"^ *rules\s*:", text[: gone.block.start], re.MULTILINE))[-1].end()
        return _splice(_splice(text, gone.block, ""), Span(key, key), " []")
    return _splice(text, gone.block, "")


def move_rule(text: str, policy: str, rule: int, to: int) -> str:
    """Put a rule where another one is now, with the comments right above it."""
    found = _policy(text, policy)
    moved = _rule(found, rule)
    _rule(found, to)
    if rule == to:
        return text
    if found.rules_flow:
        words = [text[each.item.start : each.item.end] for each in found.rules]
        words.insert(to, words.pop(rule))
        for each, word in reversed(list(zip(found.rules, words, strict=True))):
            text = _splice(text, each.item, word)
        return text
    words_moved = text[moved.block.start : moved.block.end]
    target = found.rules[to].block
    at = target.end if to > rule else target.start
    if to > rule:
        put = _splice(text, Span(at, at), _lines(text, at, words_moved))
        return _ended(text, _splice(put, moved.block, ""))
    cut = _splice(text, moved.block, "")
    return _ended(text, _splice(cut, Span(at, at), words_moved if words_moved.endswith("\n") else f"{words_moved}\n"))


def copy_rule(text: str, policy: str, rule: int, new_id: str) -> str:
    """Put a copy of a rule behind it, under another id."""
    found = _policy(text, policy)
    copied = _rule(found, rule)
    if found.rules_flow:
        words = text[copied.item.start : copied.item.end]
        text = _splice(text, Span(copied.item.end, copied.item.end), f", {words}")
    else:
        words = text[copied.block.start : copied.block.end]
        text = _splice(text, Span(copied.block.end, copied.block.end), _lines(text, copied.block.end, words))
    return set_key(text, policy, rule + 1, "id", new_id)


def _policy(text: str, policy: str) -> PolicyOutline:
    return outline(text).policy(policy)


def _rule(policy: PolicyOutline, rule: int) -> RuleOutline:
    if not 0 <= rule < len(policy.rules):
        raise IndexError(rule)
    return policy.rules[rule]


def _splice(text: str, span: Span, words: str) -> str:
    return text[: span.start] + words + text[span.end :]


def _in_line(value: str) -> str:
    """Return a value as it stands in braces."""
    if "\n" not in value.strip("\n"):
        return value.strip("\n")
    return written(yaml.safe_load(value)).strip()


def _fitting(value: str, rule: RuleOutline) -> str:
    """Return a value to stand behind a colon; one of several lines is indented below its key."""
    if "\n" not in value:
        return f" {value}"
    return "\n" + textwrap.indent(value, " " * (rule.indent + 2))


def _item(rule: str, dash: int) -> str:
    body = textwrap.indent(rule.strip("\n"), " " * (dash + 2))
    return " " * dash + "- " + body[dash + 2 :] + "\n"


def _insert_flow(text: str, policy: PolicyOutline, index: int, rule: str) -> str:

    words = _in_line(rule)
    if not policy.rules:
        at = policy.rules_span.start + 1
        return _splice(text, Span(at, at), words)
    if index < len(policy.rules):
        at = policy.rules[index].item.start
        return _splice(text, Span(at, at), f"{words}, ")
    at = policy.rules[-1].item.end
    return _splice(text, Span(at, at), f", {words}")


def _with_comma(text: str, rule: RuleOutline, span: Span) -> Span:
    """Return a key of a mapping in braces with the comma that goes with it."""
    names = sorted(rule.keys.values(), key=lambda key: key.whole.start)
    place = next(place for place, key in enumerate(names) if key.whole == span)
    if place + 1 < len(names):
        return Span(span.start, names[place + 1].whole.start)
    return Span(names[place - 1].whole.end, span.end) if place else span


def _end_of_line(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _lines(text: str, at: int, words: str) -> str:
    """Return whole lines to put somewhere: the last line of a text may lack its break."""
    words = words if words.endswith("\n") else f"{words}\n"
    return words if at == 0 or text[at - 1] == "\n" else f"\n{words}".removesuffix("\n")


def _ended(before: str, after: str) -> str:
    """Return a text that ends as it did."""
    return after if before.endswith("\n") or not after.endswith("\n") else after[:-1]
