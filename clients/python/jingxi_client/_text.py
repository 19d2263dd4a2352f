"""Masks that hide characters of a text. Every function gets a text that is not empty and counts in code points.

INVARIANT: each hides something. Where a rule would leave nothing hidden, because the value is too short or not of the
expected form, the value is hidden whole.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jingxi_client._surnames import COMPOUND_SURNAMES

Parameters = Mapping[str, Any]

HIDDEN = "***"
"""What stands for a value whose form does not fit its mask."""

_DOTS = frozenset("\u00b7\u2022\u2027\u30fb")
_SPACES = frozenset("\u0020\u00a0\u3000")
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


def full(text: str, p: Parameters) -> str:
    """Hide everything."""
    return _stretch(len(text), p)


def keep(text: str, p: Parameters) -> str:
    """Show the first `prefix` and the last `suffix` characters."""
    letters = _letters(text, p["skip"])
    end = len(letters) - p["suffix"]
    return _hide(text, letters[p["prefix"] : end] if end > p["prefix"] else (), p)


def mask(text: str, p: Parameters) -> str:
    """Hide the first `prefix` and the last `suffix` characters."""
    letters = _letters(text, p["skip"])
    end = len(letters) - p["suffix"]
    return _hide(text, [*letters[: p["prefix"]], *letters[end:]] if end > p["prefix"] else (), p)


def keep_range(text: str, p: Parameters) -> str:
    """Show the characters `from` to `to`, counted from 1."""
    letters = _letters(text, p["skip"])
    if len(letters) < p["to"]:
        return full(text, p)
    return _hide(text, [*letters[: p["from"] - 1], *letters[p["to"] :]], p)


def before(text: str, p: Parameters) -> str:
    """Hide what stands before the delimiter."""
    place = _find(text, p)
    return _hide(text, range(max(place, 0)), p)


def after(text: str, p: Parameters) -> str:
    """Hide what stands after the delimiter."""
    place = _find(text, p)
    return _hide(text, range(place + len(p["delimiter"]), len(text)) if place >= 0 else (), p)


def name(text: str, p: Parameters) -> str:
    """Show a person's surname or initials."""
    separators = _DOTS | _SPACES
    letters = [i for i, ch in enumerate(text) if ch not in separators]
    shown = set(letters[:1])
    if not _DOTS.intersection(text):
        if len(letters) > 2 and text[letters[0]] + text[letters[1]] in COMPOUND_SURNAMES:
            shown.add(letters[1])
        shown.update(i for i in letters[1:] if text[i - 1] in _SPACES and _LATIN.match(text[i]))
    return _hide(text, [i for i in letters if i not in shown], p)


def email(text: str, p: Parameters) -> str:
    """Show the first `prefix` characters and the domain."""
    at = text.rfind("@")
    if at <= 0 or at == len(text) - 1:
        return full(text, p)
    return _hide(text, range(p["prefix"] if p["prefix"] < at else 0, at), p)


def address(text: str, p: Parameters) -> str:
    """Show an address through its district, or its first `prefix` characters."""
    markers, exceptions = tuple(p["markers"]), tuple(p["exceptions"])
    for end in range(1, len(text) + 1):
        if text.endswith(markers, 0, end) and not text.endswith(exceptions, 0, end):
            return _hide(text, range(end, len(text)), p)
    return _hide(text, range(p["prefix"], len(text)), p)


def landline(text: str, p: Parameters) -> str:
    """Show the area code and the last `suffix` characters."""
    code = _AREA_CODE.match(text)
    start = code.end() if code else 0
    letters = [i for i in range(start, len(text)) if text[i] not in _PHONE_SEPARATORS]
    return _hide(text, letters[: max(len(letters) - p["suffix"], 0)], p)


def ip(text: str, p: Parameters) -> str:
    """Show the first octets of an IPv4 address or the first groups of an IPv6 address."""
    if _IPV4.fullmatch(text):
        octets = text.split(".")
        return ".".join([*octets[: p["ipv4"]], *[p["char"]] * (4 - p["ipv4"])])
    if _IPV6.fullmatch(text):
        try:
            groups = ipaddress.IPv6Address(text).exploded.split(":")
        except ipaddress.AddressValueError:
            return HIDDEN
        shown = [group.lstrip("0") or "0" for group in groups[: p["ipv6"]]]
        return ":".join([*shown, *[p["char"]] * (8 - p["ipv6"])])
    return HIDDEN


def _letters(text: str, skip: str) -> Sequence[int]:
    return [i for i, ch in enumerate(text) if ch not in skip] if skip else range(len(text))


def _find(text: str, p: Parameters) -> int:
    return text.rfind(p["delimiter"]) if p["occurrence"] == "last" else text.find(p["delimiter"])


def _hide(text: str, places: Iterable[int], p: Parameters) -> str:
    """Return the text with the characters at these places hidden; hidden whole when there are none."""
    if isinstance(places, range) and places:  # one stretch, as of most masks
        return text[: places.start] + _stretch(len(places), p) + text[places.stop :]
    hidden = set(places)
    if not hidden:
        return full(text, p)
    out = []
    count = 0
    for place, ch in enumerate(text):
        if place in hidden:
            count += 1
            continue
        if count:
            out.append(_stretch(count, p))
            count = 0
        out.append(ch)
    if count:
        out.append(_stretch(count, p))
    return "".join(out)


def _stretch(count: int, p: Parameters) -> str:
    return str(p["char"]) * (p["length"] or count)
