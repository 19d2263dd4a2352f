"""An event as a syslog message (RFC 5424), framed by counting its octets (RFC 5425, section 4.3)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import Final

from pdp import __version__
from pdp.server.siem.address import FACILITIES
from pdp.server.siem.events import Event

MAX_BYTES: Final = 8_192
"""What a receiver should be able to take (RFC 5425, section 4.3.1)."""
_MAX_COMMON, _MAX_VALUE = 256, 1_024
_MAX_TEXT = 1_024
_BOM = b"\xef\xbb\xbf"
_CUT = "…"
# In a file of lines a control character could begin a line of its own, and others turn around what stands behind them.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NOT_ASCII = re.compile(r"[^\x21-\x7e]")
_NOT_NAME = re.compile(r'[^\x21-\x7e]|[="\]]')


def frame(message: bytes) -> bytes:
    """Return a message as it goes over a stream."""
    return b"%d %s" % (len(message), message)


def message(event: Event, *, facility: str, enterprise: int) -> bytes:
    """Return an event as a message of at most MAX_BYTES; `enterprise` is the number in the names of its elements."""
    priority = FACILITIES[facility] * 8 + event.severity
    head = (
        f"<{priority}>1 {_time(event.time_nanos)} {_word(event.node, 255)} jingxi {_word(event.boot, 128)} "
        f"{_word(event.kind, 32)} "
    ).encode("ascii")
    common = {"id": event.id, "class": event.name, "kind": event.kind, "node": event.node, **event.facts}
    text = _BOM + _clip(event.text, _MAX_TEXT).encode()
    room = MAX_BYTES - len(head) - len(text) - 1
    elements = [
        _element("origin", {"software": "jingxi", "swVersion": __version__}),
        _element(f"jingxi@{enterprise}", common, _MAX_COMMON),
    ]
    for name, found in (("decision", event.decision), ("details", event.details)):
        if found:
            elements.append(_fitting(f"{name}@{enterprise}", found, room - sum(map(len, elements))))
    return head + b"".join(elements) + b" " + text


def _fitting(name: str, values: Mapping[str, str], room: int) -> bytes:
    """Return an element without the values that there is no room for, which it says of itself."""
    made = _element(name, values)
    names = list(values)
    while len(made) > room and names:
        names.pop()
        made = _element(name, {key: values[key] for key in names} | {"cut": "true"})
    return made


def _element(name: str, values: Mapping[str, str], most: int = _MAX_VALUE) -> bytes:
    return f"[{name}{''.join(_parameters(values.items(), most))}]".encode()


def _parameters(values: Iterable[tuple[str, str]], most: int) -> Iterable[str]:
    for name, value in values:
        plain = _clip(value, most)
        escaped = plain.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
        yield f' {_NOT_NAME.sub("_", name)[:32] or "_"}="{escaped}"'


def _clip(text: str, most: int) -> str:
    """Return a text without control characters, of at most so many bytes of UTF-8."""
    plain = _CONTROL.sub("\ufffd", text)
    data = plain.encode("utf-8", "replace")
    if len(data) <= most:
        return data.decode()
    return data[: most - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT


def _word(text: str, most: int) -> str:
    return _NOT_ASCII.sub("?", text)[:most] or "-"


def _time(nanos: int) -> str:
    try:
        moment = datetime.datetime.fromtimestamp(nanos // 1_000_000_000, datetime.UTC)
    except (OverflowError, ValueError, OSError):
        return "-"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanos % 1_000_000_000 // 1000:06d}Z" if nanos > 0 else "-"
