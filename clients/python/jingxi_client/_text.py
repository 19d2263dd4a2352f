"""Masks that hide characters of a text: functions that are made of a mask's parameters.

Each is made once and shows many texts, so what depends on the parameters alone is worked out when it is made. A text is
not empty, and places are counted in code points.

INVARIANT: each hides something. Where a rule would leave nothing hidden, because the value is too short or not of the
expected form, the value is hidden whole.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jingxi_client._surnames import COMPOUND_SURNAMES

Parameters = Mapping[str, Any]
TextMask = Callable[[str], str]

HIDDEN = "***"
"""What stands for a value whose form does not fit its mask."""

_DOTS = frozenset("\u00b7\u2022\u2027\u30fb")
_SPACES = frozenset("\u0020\u00a0\u3000")
_SEPARATORS = _DOTS | _SPACES
_LATIN = re.compile("[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]")
_AREA_CODE = re.compile(r"[(（]?0(?:10|2[0-9]|[3-9][0-9]{2})[)）]?")
_PHONE_SEPARATORS = frozenset("- ()（）")
_OCTET = "(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+")


def has_lone_surrogate(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, which no UTF-8 can write."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def full(p: Parameters) -> TextMask:
    """Hide everything."""
    char, fixed = _stretch(p)
    return lambda text: fixed or char * len(text)


def keep(p: Parameters) -> TextMask:
    """Show the first `prefix` and the last `suffix` characters."""
    if p["skip"]:
        return _keep_skipping(p)
    (char, fixed), prefix, suffix = _stretch(p), p["prefix"], p["suffix"]

    def show(text: str) -> str:
        size = len(text)
        end = size - suffix
        if end <= prefix:
            return fixed or char * size
        return text[:prefix] + (fixed or char * (end - prefix)) + text[end:]

    return show


def _keep_skipping(p: Parameters) -> TextMask:
    prefix, suffix, skip, hide = p["prefix"], p["suffix"], p["skip"], _hiding(p)

    def show(text: str) -> str:
        letters = _letters(text, skip)
        end = len(letters) - suffix
        return hide(text, letters[prefix:end] if end > prefix else ())

    return show


def mask(p: Parameters) -> TextMask:
    """Hide the first `prefix` and the last `suffix` characters."""
    prefix, suffix, skip, hide = p["prefix"], p["suffix"], p["skip"], _hiding(p)

    def show(text: str) -> str:
        letters = _letters(text, skip)
        end = len(letters) - suffix
        return hide(text, [*letters[:prefix], *letters[end:]] if end > prefix else ())

    return show


def keep_range(p: Parameters) -> TextMask:
    """Show the characters `from` to `to`, counted from 1."""
    first, last, skip, hide = p["from"], p["to"], p["skip"], _hiding(p)

    def show(text: str) -> str:
        letters = _letters(text, skip)
        return hide(text, () if len(letters) < last else [*letters[: first - 1], *letters[last:]])

    return show


def before(p: Parameters) -> TextMask:
    """Hide what stands before the delimiter."""
    find, hide = _finding(p), _hiding(p)
    return lambda text: hide(text, range(max(find(text), 0)))


def after(p: Parameters) -> TextMask:
    """Hide what stands after the delimiter."""
    find, hide, width = _finding(p), _hiding(p), len(p["delimiter"])

    def show(text: str) -> str:
        place = find(text)
        return hide(text, range(place + width, len(text)) if place >= 0 else ())

    return show


def name(p: Parameters) -> TextMask:
    """Show a person's surname or initials."""
    (char, fixed), hide = _stretch(p), _hiding(p)

    def show(text: str) -> str:
        if not (text.isalpha() or _SEPARATORS.isdisjoint(text)):  # none of them is a letter
            return hide(text, _but_initials(text))
        size = len(text)
        shown = 2 if size > 2 and text[:2] in COMPOUND_SURNAMES else 1
        return text[:shown] + (fixed or char * (size - shown)) if size > shown else fixed or char * size

    return show


def _but_initials(text: str) -> list[int]:
    """Return the places to hide of a name that has dots or spaces."""
    letters = [i for i, ch in enumerate(text) if ch not in _SEPARATORS]
    shown = set(letters[:1])
    if not _DOTS.intersection(text):
        if len(letters) > 2 and text[letters[0]] + text[letters[1]] in COMPOUND_SURNAMES:
            shown.add(letters[1])
        shown.update(i for i in letters[1:] if text[i - 1] in _SPACES and _LATIN.match(text[i]))
    return [i for i in letters if i not in shown]


def email(p: Parameters) -> TextMask:
    """Show the first `prefix` characters and the domain."""
    (char, fixed), prefix = _stretch(p), p["prefix"]

    def show(text: str) -> str:
        at = text.rfind("@")
        if at <= 0 or at == len(text) - 1:
            return fixed or char * len(text)
        start = prefix if prefix < at else 0
        return text[:start] + (fixed or char * (at - start)) + text[at:]

    return show


def address(p: Parameters) -> TextMask:
    """Show an address through its district, or its first `prefix` characters."""
    (char, fixed), prefix, find_end = _stretch(p), p["prefix"], _end_of(p["markers"], p["exceptions"])

    def show(text: str) -> str:
        size, found = len(text), find_end(text)
        shown = prefix if found is None else found.end()
        return text[:shown] + (fixed or char * (size - shown)) if size > shown else fixed or char * size

    return show


def _end_of(markers: Sequence[str], exceptions: Sequence[str]) -> Callable[[str], re.Match[str] | None]:
    """Return the function that finds the first place where one of the markers ends and none of the exceptions."""
    # A place has no width where markers are longer: what stands behind one may overlap what stands behind another.
    is_one = all(len(marker) == 1 for marker in markers)
    behind = "|".join(f"(?<={re.escape(marker)})" for marker in markers)
    marked = f"[{re.escape(''.join(markers))}]" if is_one else f"(?:{behind})"
    return re.compile(marked + "".join(f"(?<!{re.escape(text)})" for text in exceptions)).search


def landline(p: Parameters) -> TextMask:
    """Show the area code and the last `suffix` characters."""
    suffix, hide = p["suffix"], _hiding(p)

    def show(text: str) -> str:
        code = _AREA_CODE.match(text)
        start = code.end() if code else 0
        letters = [i for i in range(start, len(text)) if text[i] not in _PHONE_SEPARATORS]
        return hide(text, letters[: max(len(letters) - suffix, 0)])

    return show


def ip(p: Parameters) -> TextMask:
    """Show the first octets of an IPv4 address or the first groups of an IPv6 address."""
    ipv4, ipv6, char = int(p["ipv4"]), int(p["ipv6"]), str(p["char"])

    def show(text: str) -> str:
        if _IPV4.fullmatch(text):
            return ".".join([*text.split(".")[:ipv4], *[char] * (4 - ipv4)])
        if _IPV6.fullmatch(text):
            try:
                groups = ipaddress.IPv6Address(text).exploded.split(":")
            except ipaddress.AddressValueError:
                return HIDDEN
            return ":".join([*(group.lstrip("0") or "0" for group in groups[:ipv6]), *[char] * (8 - ipv6)])
        return HIDDEN

    return show


def _stretch(p: Parameters) -> tuple[str, str]:
    """Return what stands for a hidden character, and for a stretch of any length: empty for as many as are hidden."""
    return p["char"], p["char"] * p["length"]


def _letters(text: str, skip: str) -> Sequence[int]:
    return [i for i, ch in enumerate(text) if ch not in skip] if skip else range(len(text))


def _finding(p: Parameters) -> Callable[[str], int]:
    delimiter = str(p["delimiter"])
    if p["occurrence"] == "last":
        return lambda text: text.rfind(delimiter)
    return lambda text: text.find(delimiter)


def _hiding(p: Parameters) -> Callable[[str, Iterable[int]], str]:
    """Return the function that hides these places of a text, and the text whole when there are none."""
    char, fixed = _stretch(p)

    def hide(text: str, places: Iterable[int]) -> str:
        if isinstance(places, range) and places:  # one stretch
            return text[: places.start] + (fixed or char * len(places)) + text[places.stop :]
        hidden = set(places)
        if not hidden:
            return fixed or char * len(text)
        out: list[str] = []
        count = 0
        for place, ch in enumerate(text):
            if place in hidden:
                count += 1
                continue
            if count:
                out.append(fixed or char * count)
                count = 0
            out.append(ch)
        if count:
            out.append(fixed or char * count)
        return "".join(out)

    return hide
