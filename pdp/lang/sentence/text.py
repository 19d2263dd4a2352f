"""Small pieces of text in one language or the other: quotes, numbers, spans and points of time."""

from __future__ import annotations

import datetime
import math
import string
from collections.abc import Sequence

from pdp.values import NANOS, format_timestamp

_LATIN = frozenset(string.ascii_letters + string.digits + "%")
_ODD = frozenset("“”「」`")
_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - the offset of Beijing time is added by hand
_BEIJING = 8 * 3_600
_LAST_SHOWN = 253_402_300_800 - _BEIJING
_LARGE = 10_000
_EXACT = 10**15
_UNITS = ((3_600, "小时", "hour"), (60, "分钟", "minute"))


def glue(*parts: str) -> str:
    """Join texts, with a space wherever a Chinese character meets a Latin letter or a digit."""
    out, last = "", ""
    for part in parts:
        if not part:
            continue
        first = part[0]
        if last < "\x80":
            if first >= "\u3400" and last in _LATIN and _is_han(first):
                out += " "
        elif first < "\x80" and (first in _LATIN or first == "-") and _is_han(last):
            out += " "
        out += part
        last = part[-1]
    return out


def _is_han(ch: str) -> bool:
    return "\u3400" <= ch <= "\u9fff" or ch >= "\U00020000"


def quoted(text: str) -> str:
    """Return a text in quotes; one with quotes or control characters of its own is written as a CEL text."""
    if text.isprintable() and _ODD.isdisjoint(text):
        return f"“{text}”"
    return f"「{_escaped(text)}」"


def code(text: str, *, chinese: bool) -> str:
    """Return CEL in code quotes. What it could be misread for stands escaped, which CEL allows inside its texts."""
    if not _is_clear(text):
        text = "".join(ch if _is_clear(ch) else _escape(ch) for ch in text)
    return f"「{text}」" if chinese or "`" in text else f"`{text}`"


def pattern(text: str, *, chinese: bool) -> str:
    """Return a regular expression in code quotes; as a CEL text where it holds what would have to be escaped."""
    return code(text, chinese=chinese) if _is_clear(text) else quoted(text)


def _is_clear(text: str) -> bool:
    return text.isprintable() and "「" not in text and "」" not in text


def _escaped(text: str) -> str:
    shown = (ch if ch.isprintable() and ch not in _ODD and ch not in '"\\' else _escape(ch) for ch in text)
    return f'"{"".join(shown)}"'


def _escape(ch: str) -> str:
    if ch in '"\\':
        return f"\\{ch}"
    return f"\\u{ord(ch):04x}" if ord(ch) < 0x10000 else f"\\U{ord(ch):08x}"


def number(value: float, *, chinese: bool, grouped: bool = True) -> str:
    """Return a number exactly; from 10,000 on in thousands, or in Chinese as 万 where that is a whole number."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return _infinite(value, chinese=chinese)
        if not value.is_integer() or abs(value) >= _EXACT:
            return format(value, ",") if grouped and _LARGE <= abs(value) < _EXACT else repr(value)
        value = int(value)
    if not grouped or abs(value) < _LARGE:
        return str(value)
    if chinese and value % _LARGE == 0:
        return f"{value // _LARGE:,} 万"
    return f"{value:,}"


def _infinite(value: float, *, chinese: bool) -> str:
    if math.isnan(value):
        return "非数值（NaN）" if chinese else "not a number (NaN)"
    sign = "" if value > 0 else ("负" if chinese else "minus ")
    return sign + ("无穷大" if chinese else "infinity")


def duration(nanos: int, *, chinese: bool) -> str:
    """Return a span of time: 「1 小时 30 分钟」, `7 days`."""
    sign = ("负 " if chinese else "minus ") if nanos < 0 else ""
    seconds, rest = divmod(abs(nanos), NANOS)
    parts = []
    if seconds >= 2 * 86_400 and seconds % 86_400 == 0 and not rest:
        parts.append(_amount(seconds // 86_400, "天", "day", chinese=chinese))
        seconds = 0
    for size, zh, en in _UNITS:
        if seconds >= size:
            parts.append(_amount(seconds // size, zh, en, chinese=chinese))
            seconds %= size
    if rest:
        text = f"{seconds}.{rest:09d}".rstrip("0")
        parts.append(f"{text} 秒" if chinese else f"{text} seconds")
    elif seconds or not parts:
        parts.append(_amount(seconds, "秒", "second", chinese=chinese))
    return sign + " ".join(parts)


def _amount(count: int, zh: str, en: str, *, chinese: bool) -> str:
    shown = f"{count:,}" if count >= _LARGE else str(count)
    return f"{shown} {zh}" if chinese else f"{shown} {en}{'' if count == 1 else 's'}"


def timestamp(nanos: int, *, chinese: bool) -> str:
    """Return a point in time by the clock of Beijing, or of UTC where that would leave the year 9999."""
    seconds, rest = divmod(nanos, NANOS)
    if seconds >= _LAST_SHOWN:
        text, zone = format_timestamp(nanos).removesuffix("Z").replace("T", " "), "UTC"
        return f"{text}（{zone}）" if chinese else f"{text} ({zone})"
    moment = _EPOCH + datetime.timedelta(seconds=seconds + _BEIJING)
    text = f"{moment.year:04d}-{moment:%m-%d %H:%M}"
    if moment.second or rest:
        text += f":{moment.second:02d}" + (f".{rest:09d}".rstrip("0") if rest else "")
    return f"{text}（北京时间）" if chinese else f"{text} (Beijing time)"


def listed(items: Sequence[str], word: str, *, chinese: bool) -> str:
    """Return `A, B or C`; `word` is 或, 和, or, and."""
    if len(items) == 1:
        return items[0]
    if chinese:
        return glue("、".join(items[:-1]), word, items[-1])
    return f"{', '.join(items[:-1])} {word} {items[-1]}"
