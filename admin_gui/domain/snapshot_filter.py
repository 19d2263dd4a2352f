"""The filter line: what may come next, and clauses that are added to what stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.form import Choice
from admin_gui.domain.say import Say, plain
from admin_gui.domain.snapshot_words import FUNCTIONS, Vocabulary

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|//.*)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<open>"(?:[^"\\]|\\.)*$|'(?:[^'\\]|\\.)*$)
    |(?P<number>\d[\w.]*)
    |(?P<name>[^\W\d]\w*(?:\.\w*)*)
    |(?P<sign>==|!=|<=|>=|&&|\|\||[<>!()\[\],])
    |(?P<other>.)""",
    re.VERBOSE,
)
_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
_METHODS: Final = ("startsWith", "endsWith", "contains")
_OPERATORS: Final = (
    ("== ", Say("等于", "equals")), ("!= ", Say("不等于", "does not equal")), ("in [", Say("是其中之一", "is one of")),
    (">= ", Say("不小于", "at least")), ("< ", Say("小于", "less than")),
)  # fmt: skip
_JOINS: Final = (("&& ", Say("并且", "and")), ("|| ", Say("或者", "or")))
_CONDITIONS: Final = ("flagged", "success")
MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What may stand here: `text` is written, and the cursor goes `back` characters before its end."""

    text: str
    say: Say
    back: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """Suggestions for what stands from `start` to the cursor."""

    start: int
    items: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def complete(text: str, cursor: int, words: Vocabulary) -> Completion:
    """Return what may stand at a place, what fits what is typed there already; places count characters from 0."""
    tokens = list(_tokens(text[:cursor]))
    last = tokens[-1] if tokens else None
    if last is not None and last.kind == "open":
        typed, before = last.text[1:], tokens[:-1]
        found = _quoted(_values(before, words))
        return Completion(last.start, _fitting(found, typed))
    if last is not None and last.kind in ("name", "number") and last.start + len(last.text) == cursor:
        return Completion(last.start, _fitting(_next(tokens[:-1], words), last.text))
    return Completion(cursor, tuple(_next(tokens, words))[:MOST])


def with_clause(text: str, clause: str) -> str:
    """Return a filter that asks for a clause as well; the same when it asks for it already."""
    if not text.strip():
        return clause
    if clause in _conjuncts(text):
        return text
    # What was written may end in a comment, behind which nothing would count.
    held = f"({text})" if any(token.text == "||" for token in _tokens(text)) else text.strip()
    return f"{clause} && {held}" if "//" in text else f"{held} && {clause}"


def quoted(value: str) -> str:
    """Return a text as a filter writes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        if match.lastgroup not in (None, "space"):
            yield _Token(str(match.lastgroup), match.group(), match.start())


def _conjuncts(text: str) -> list[str]:
    """Return what is joined by `&&` outside of all brackets."""
    parts, depth, begin = [], 0, 0
    for token in _tokens(text):
        depth += (token.text in "([") - (token.text in ")]") if token.kind == "sign" else 0
        if depth == 0 and token.text == "&&":
            parts.append(text[begin : token.start].strip())
            begin = token.start + 2
        elif depth == 0 and token.text == "||":
            return [text.strip()]
    return [*parts, text[begin:].strip()]


def _next(tokens: list[_Token], words: Vocabulary) -> list[Suggestion]:
    last = tokens[-1] if tokens else None
    if last is None or last.text in ("&&", "||", "!"):
        return _operands(words)
    if last.text in _COMPARISONS or last.text in ("[", ",", "in"):
        return _literals(tokens, words)
    if last.text == "(":
        return _arguments(tokens, words)
    if last.kind in ("text", "number") or last.text in (")", "]") or last.text in _CONDITIONS:
        return [Suggestion(text, say) for text, say in _JOINS]
    if last.kind == "name":
        before = tokens[-2].text if len(tokens) > 1 else ""
        if before in _COMPARISONS:
            return [Suggestion(text, say) for text, say in _JOINS]
        return [Suggestion(text, say) for text, say in _OPERATORS]
    return []


def _operands(words: Vocabulary) -> list[Suggestion]:
    names = [Suggestion(name, say) for name, say in words.names.items()]
    calls = [Suggestion(f'{name}("")', say, 2) for name, say in FUNCTIONS.items()]
    return [*names, *calls]


def _arguments(tokens: list[_Token], words: Vocabulary) -> list[Suggestion]:
    called = tokens[-2] if len(tokens) > 1 else None
    if called is None or called.kind != "name":
        return _operands(words)
    return list(_quoted(_values(tokens, words)))


def _literals(tokens: list[_Token], words: Vocabulary) -> list[Suggestion]:
    name = _subject(tokens)
    if name == "time":
        return [
            Suggestion('now - duration("24h")', Say("24 小时前", "24 hours ago"), 2),
            Suggestion('timestamp("")', Say("某一时刻", "a moment"), 2),
        ]
    found = words.values.get(name, ())
    # Severities are names of their own; numbers stand without quotes too.
    bare = [Suggestion(_bare(one.value), one.label) for one in found if name == "severity" or not _is_text(one)]
    return bare or list(_quoted(found)) or [Suggestion('""', plain(""), 1)]


def _values(tokens: list[_Token], words: Vocabulary) -> tuple[Choice, ...]:
    """Return the values that fit what stands before an opened quote."""
    if len(tokens) > 1 and tokens[-1].text == "(" and tokens[-2].kind == "name":
        called = tokens[-2].text
        if called == "recorded":
            return tuple(Choice(name, say) for name, say in words.names.items())
        head, _, method = called.rpartition(".")
        return tuple(words.values.get(head if method in _METHODS else called, ()))
    return tuple(words.values.get(_subject(tokens), ()))


def _subject(tokens: list[_Token]) -> str:
    """Return the name that values at the end are compared with."""
    at = len(tokens) - 1
    while at >= 0 and (tokens[at].text in ("[", ",", "in", *_COMPARISONS) or tokens[at].kind in ("text", "number")):
        at -= 1
    return tokens[at].text if at >= 0 and tokens[at].kind == "name" else ""


def _quoted(found: Sequence[Choice]) -> tuple[Suggestion, ...]:
    return tuple(Suggestion(quoted(str(one.value)), one.label) for one in found)


def _fitting(found: Sequence[Suggestion], typed: str) -> tuple[Suggestion, ...]:
    """Return what has the typed in it or in its label: what begins so first."""
    low = typed.casefold()
    begins = [one for one in found if one.text.lstrip('"').casefold().startswith(low)]
    holds = [one for one in found if one not in begins and low in f"{one.text} {one.say.zh} {one.say.en}".casefold()]
    return tuple(one for one in (*begins, *holds) if one.text != typed)[:MOST]


def _is_text(choice: Choice) -> bool:
    return isinstance(choice.value, str)


def _bare(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
