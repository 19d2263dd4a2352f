"""Marks: which texts stand in a record's facts, as bits, so that most records are passed over without reading JSON.

A Bloom filter of 128 bits in two words with one hash each: a text whose two bits are not both set is not there; one
whose bits are set is probably there, and the facts themselves tell. With twenty texts a record, as a bank's decisions
have them, one record in fourteen is read in vain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

LISTS: Final = frozenset({"unmasked", "rules", "grants", "approvers", "obligations", "undecided", "roles"})
"""Lists of `facts` of which each item has its bits."""
TEXTS: Final = frozenset({"action"})
"""Texts of `facts` that have their bits, besides every text among the attributes."""
ATTRIBUTES: Final = "attributes"
_WORD: Final = (1 << 64) - 1
_SIGN: Final = 1 << 63


def bit(name: str, text: str) -> int:
    """Return the two bits of a text, one among the lower and one among the upper 64 of 128.

    `name` is the list's, the text's or the attribute's.
    """
    # As it stands in `facts`; see `columns.without_zeros`.
    number = crc32(f"{name}={text}".replace("\0", "\ufffd").encode())
    return 1 << (number & 63) | 1 << (64 + (number >> 6 & 63))


def of_facts(facts: Mapping[str, Any]) -> int:
    """Return the bits of all texts in a decision's facts."""
    found = 0
    for name in LISTS:
        for text in facts[name]:
            found |= bit(name, text)
    for name in TEXTS:
        found |= bit(name, facts[name])
    for name, value in facts[ATTRIBUTES].items():
        if isinstance(value, str):
            found |= bit(name, value)
    return found


def split(found: int) -> tuple[int, int]:
    """Return 128 bits as the two columns, signed as databases have whole numbers."""
    low, high = found & _WORD, found >> 64
    return (low ^ _SIGN) - _SIGN, (high ^ _SIGN) - _SIGN


def name_of_text(path: tuple[str, ...]) -> str | None:
    """Return the name under which a text at a path of `facts` has its bits; None when it has none."""
    if len(path) == 2 and path[0] == ATTRIBUTES:
        return path[1]
    return path[0] if len(path) == 1 and path[0] in TEXTS else None


def name_of_list(path: tuple[str, ...]) -> str | None:
    """Return the name under which the texts of a list of `facts` have their bits; None when they have none."""
    return path[0] if len(path) == 1 and path[0] in LISTS else None
