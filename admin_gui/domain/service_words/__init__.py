"""What the service says in English, in both languages: refusals, what is wrong with a request, problems of policies.

The service has one language, so that logs, records and scripts hold one wording. This program knows its sentences by
their templates, as catalogues of translations do, and finds the names in them again; what it does not know, such as
the words of a newer service, stays English. `tests/gui/test_service_words.py` holds the templates to what is said.
"""

from __future__ import annotations

import functools
import itertools
import re
import string
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from admin_gui.domain.say import Say, plain
from admin_gui.domain.service_words import (
    accounts,
    analysis,
    callers,
    conditions,
    decisions,
    documents,
    grants,
    masks,
    nodes,
    parsing,
    reading,
    records,
    requests,
    revisions,
    staff,
)

CATALOGUE: Final[tuple[Say, ...]] = (
    *documents.WORDS, *reading.WORDS, *parsing.WORDS, *conditions.WORDS, *masks.WORDS, *analysis.WORDS, *requests.WORDS,
    *decisions.WORDS, *staff.WORDS, *revisions.WORDS, *nodes.WORDS, *accounts.WORDS, *callers.WORDS, *grants.WORDS,
    *records.WORDS,
)  # fmt: skip
"""Sentences with `{names}`. A name that begins with `why` stands for something that the service says, too."""
_SAID: Final = "why"
# Between names in backticks, as lists of them are written.
_JOINTS: Final[Mapping[str, str]] = {"` and `": "` 和 `", "` or `": "` 或 `", "`, `": "`、`"}
_LISTED: Final = re.compile("|".join(map(re.escape, _JOINTS)))
_PLACE: Final = re.compile(r"([\w.\[\]`'/:-]+): (.+)", re.DOTALL)


class _Known(NamedTuple):
    chunk: str  # its longest piece without a name: what does not hold it cannot be it
    pattern: re.Pattern[str]
    zh: str


def said(message: str) -> Say:
    """Return a sentence of the service in both languages; the same English for both where it is not known."""
    zh = _whole(message)
    return plain(message) if zh is None else Say(zh, message)


@functools.lru_cache(maxsize=8_192)
def _whole(message: str) -> str | None:
    for known in _known():
        if known.chunk not in message or (met := known.pattern.fullmatch(message)) is None:
            continue
        # A part that is not known would make half a sentence of it.
        if (names := _filled(met.groupdict())) is not None:
            return known.zh.format(**names)
    # Several at once, or one with its place before it.
    for cut in re.finditer("; ", message):
        if (first := _whole(message[: cut.start()])) is not None and (rest := _whole(message[cut.end() :])) is not None:
            return f"{first}；{rest}"
    if (met := _PLACE.fullmatch(message)) and (inner := _whole(met[2])) is not None:
        return f"{met[1]}：{inner}"
    return None


def _filled(names: Mapping[str, str]) -> dict[str, str] | None:
    filled = {}
    for name, value in names.items():
        text = _whole(value) if name.startswith(_SAID) else _LISTED.sub(_joint, value)
        if text is None:
            return None
        filled[name] = text
    return filled


def _joint(met: re.Match[str]) -> str:
    """Return what stands between two names of a list."""
    return _JOINTS[met[0]]


@functools.cache
def _known() -> tuple[_Known, ...]:
    """Return the templates, those with more words of their own first, for they say more precisely what is meant."""
    return tuple(map(_compiled, sorted(CATALOGUE, key=lambda one: -_weight(one.en))))


def _compiled(one: Say) -> _Known:
    seen: set[str] = set()
    pieces: list[str] = []
    chunk = ""
    parts = list(string.Formatter().parse(one.en))
    for (literal, name, _, _), after in itertools.zip_longest(parts, parts[1:]):
        pieces.append(re.escape(literal))
        chunk = max(chunk, literal, key=len)
        if name is not None:
            if name.startswith(_SAID):
                held = ".*?"
            elif literal.endswith("`") and after is not None and after[0].startswith("`"):
                held = "[^`]*"  # what was written stands in backticks, and ends with them
            else:
                # A name is no sentence, nor does it reach back over the place that stands before one.
                held = "(?:(?!; ).)*?" if literal or seen else "(?:(?![:;] ).)*?"
            pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>{held})")
            seen.add(name)
    return _Known(chunk, re.compile("".join(pieces), re.DOTALL), one.zh)


def _weight(template: str) -> int:
    return sum(len(literal) for literal, _, _, _ in string.Formatter().parse(template))


def names_in(template: str) -> Iterable[str]:
    """Return the `{names}` of a template."""
    return (name for _, name, _, _ in string.Formatter().parse(template) if name is not None)
