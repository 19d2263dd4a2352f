"""The masks as this client performs them: docs/guides/masking.md in code, held to it by tests/vectors/masking.json.

A mask that cannot be performed exactly as told, because its algorithm or one of its parameters is not known here or its
key is missing, drops the field: nothing is better than something less strict than was decided.
"""

from __future__ import annotations

import datetime
import enum
import functools
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import re2

from jingxi_client import _figures, _text, ciphers
from jingxi_client._text import HIDDEN, TextMask
from jingxi_client.errors import KeyUnavailableError, MaskUnavailableError
from jingxi_client.keys import MIN_KEY_BYTES, KeyProvider, no_keys

__all__ = ["DROP", "HIDDEN", "PARAMETERS", "REQUIRED", "Drop", "Masker", "apply", "masker"]

MAX_DEPTH = 64
"""Lists in lists beyond this are hidden whole."""


class Drop(enum.Enum):
    """What a mask returns for a field that must be left out."""

    DROP = "drop"


class Required(enum.Enum):
    """Stands for the default of a parameter that has none and must be given."""

    REQUIRED = "required"


DROP: Final = Drop.DROP
REQUIRED: Final = Required.REQUIRED

Masker = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Setting:
    """What a mask may draw on besides value and parameters."""

    keys: KeyProvider
    today: datetime.date
    nonces: ciphers.NonceSource


_Maker = Callable[[Mapping[str, Any], _Setting], TextMask]

# The kinds of parameters: what a value must be to mean anything here.
_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "count": lambda v: type(v) is int and 0 <= v <= 1_000,
    "position": lambda v: type(v) is int and 1 <= v <= 1_000,
    "text": lambda v: isinstance(v, str),
    "some text": lambda v: isinstance(v, str) and v != "",
    "character": lambda v: isinstance(v, str) and len(v) == 1,
    "texts": lambda v: isinstance(v, list | tuple) and len(v) > 0 and all(isinstance(t, str) and t for t in v),
    "numbers": lambda v: isinstance(v, list | tuple) and len(v) > 0 and all(_is_number(t) for t in v),
    "unit": lambda v: _is_number(v) and Fraction(v) > 0,
}


def _is_number(value: object) -> bool:
    return isinstance(value, str) and "," not in value and _figures.parse_number(value) is not None


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter's default (REQUIRED for none, None for one that may stay out) and kind or choices."""

    default: Any
    kind: str | tuple[str, ...]

    def accepts(self, value: Any) -> bool:
        return value in self.kind if isinstance(self.kind, tuple) else _KINDS[self.kind](value)


@dataclass(frozen=True, slots=True)
class _Algorithm:
    make: _Maker
    parameters: Mapping[str, _Parameter]


def _simple(make: Callable[[Mapping[str, Any]], TextMask]) -> _Maker:
    return lambda p, _: make(p)


def _make_keep_range(p: Mapping[str, Any], _: _Setting) -> TextMask:
    if p["to"] < p["from"]:
        raise MaskUnavailableError("parameter `to` lies before `from`")
    return _text.keep_range(p)


def _make_bucket(p: Mapping[str, Any], _: _Setting) -> TextMask:
    if "labels" in p and len(p["labels"]) != len(p["edges"]) + 1:
        raise MaskUnavailableError("parameter `labels` does not have one item more than `edges`")
    return _figures.bucket(p)


def _make_date_trunc(p: Mapping[str, Any], setting: _Setting) -> TextMask:
    if p["band"] == 0:
        raise MaskUnavailableError("parameter `band` is 0")
    return _figures.date_trunc(p, setting.today)


def _make_ip(p: Mapping[str, Any], _: _Setting) -> TextMask:
    if p["ipv4"] > 3 or p["ipv6"] > 7:
        raise MaskUnavailableError("parameter `ipv4` or `ipv6` would show everything")
    return _text.ip(p)


def _make_regex(p: Mapping[str, Any], _: _Setting) -> TextMask:
    pattern = _compiled(p["pattern"])
    template = _template(p["template"], pattern.groups)

    def mask(text: str) -> str:
        match = pattern.fullmatch(text)
        if match is None:
            return HIDDEN
        shown = "".join(part if isinstance(part, str) else match.group(part) or "" for part in template)
        return HIDDEN if shown == text else shown

    return mask


def _make_hash(p: Mapping[str, Any], setting: _Setting) -> TextMask:
    try:
        key = setting.keys(p["key"])
    except KeyUnavailableError as error:
        raise MaskUnavailableError(str(error)) from error
    if key is None or len(key) < MIN_KEY_BYTES:
        raise MaskUnavailableError(f"there is no key `{p['key']}` of {MIN_KEY_BYTES} bytes or more")
    if not 16 <= p["digits"] <= 64:
        raise MaskUnavailableError("parameter `digits` is not from 16 to 64")
    try:
        hashlib.new(p["digest"])
    except ValueError as error:
        raise MaskUnavailableError(f"this Python's OpenSSL has no `{p['digest']}`") from error
    return lambda text: hmac.new(key, text.encode(), p["digest"]).hexdigest()[: p["digits"]]


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise MaskUnavailableError("parameter `pattern` is not RE2") from error


def _template(template: str, groups: int) -> list[str | int]:
    """Return the template as plain texts and numbers of groups."""
    parts: list[str | int] = []
    pieces = iter(template)
    for ch in pieces:
        if ch != "$":
            parts.append(ch)
            continue
        following = next(pieces, "")
        if following == "$":
            parts.append("$")
        elif following in set("123456789") and int(following) <= groups:
            parts.append(int(following))
        else:
            raise MaskUnavailableError("parameter `template` uses a group that the pattern does not have")
    return parts


_CHAR = {"char": _Parameter("*", "character")}


def _hiding(length: int = 0, **parameters: _Parameter) -> dict[str, _Parameter]:
    return {**parameters, "length": _Parameter(length, "count"), **_CHAR}


_ENDS = _hiding(prefix=_Parameter(0, "count"), suffix=_Parameter(0, "count"), skip=_Parameter("", "text"))
_DELIMITER = _hiding(delimiter=_Parameter(REQUIRED, "some text"), occurrence=_Parameter("first", ("first", "last")))
_ADDRESS_EXCEPTIONS = (
    "自治区", "行政区", "小区", "社区", "园区", "校区", "厂区", "景区", "住宅区", "生活区", "工业区", "别墅区",
)  # fmt: skip

# `suppress` and `null` are not here: they do not look at the value.
_ALGORITHMS: Mapping[str, _Algorithm] = {
    "full": _Algorithm(_simple(_text.full), _hiding(3)),
    "keep": _Algorithm(_simple(_text.keep), _ENDS),
    "mask": _Algorithm(_simple(_text.mask), _ENDS),
    "keep_range": _Algorithm(
        _make_keep_range,
        {
            "from": _Parameter(REQUIRED, "position"),
            "to": _Parameter(REQUIRED, "position"),
            **_hiding(skip=_Parameter("", "text")),
        },
    ),
    "before": _Algorithm(_simple(_text.before), _DELIMITER),
    "after": _Algorithm(_simple(_text.after), _DELIMITER),
    "name": _Algorithm(_simple(_text.name), _hiding()),
    "email": _Algorithm(_simple(_text.email), _hiding(3, prefix=_Parameter(1, "count"))),
    "address": _Algorithm(
        _simple(_text.address),
        _hiding(
            4,
            markers=_Parameter(("区", "县", "旗"), "texts"),
            exceptions=_Parameter(_ADDRESS_EXCEPTIONS, "texts"),
            prefix=_Parameter(6, "count"),
        ),
    ),
    "landline": _Algorithm(_simple(_text.landline), _hiding(suffix=_Parameter(2, "count"))),
    "bucket": _Algorithm(_make_bucket, {"edges": _Parameter(REQUIRED, "numbers"), "labels": _Parameter(None, "texts")}),
    "round": _Algorithm(
        _simple(_figures.round_),
        {"unit": _Parameter("1000", "unit"), "mode": _Parameter("nearest", ("nearest", "down"))},
    ),
    "date_trunc": _Algorithm(
        _make_date_trunc,
        {"unit": _Parameter("year", ("year", "month", "age")), "band": _Parameter(10, "count")},
    ),
    "ip": _Algorithm(_make_ip, {"ipv4": _Parameter(1, "count"), "ipv6": _Parameter(3, "count"), **_CHAR}),
    "regex": _Algorithm(
        _make_regex,
        {"pattern": _Parameter(REQUIRED, "some text"), "template": _Parameter(REQUIRED, "some text")},
    ),
    "hash": _Algorithm(
        _make_hash,
        {
            "key": _Parameter(REQUIRED, "some text"),
            "digest": _Parameter("sha256", ("sha256", "sm3")),
            "digits": _Parameter(64, "count"),
        },
    ),
    "encrypt": _Algorithm(
        lambda p, setting: ciphers.encrypting(p, setting.keys, setting.nonces),
        {"key": _Parameter(REQUIRED, "some text"), "cipher": _Parameter("aes-gcm", tuple(ciphers.CIPHERS))},
    ),
    "fpe": _Algorithm(
        lambda p, setting: ciphers.format_preserving(p, setting.keys),
        {
            "key": _Parameter(REQUIRED, "some text"),
            "alphabet": _Parameter("digits", tuple(ciphers.ALPHABETS)),
            "tweak": _Parameter("", "text"),
        },
    ),
}

PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "suppress": {},
    "null": {},
    **{name: {n: p.default for n, p in a.parameters.items()} for name, a in _ALGORITHMS.items()},
}
"""Every algorithm with its parameters' defaults: REQUIRED for those that must be given, None for optional ones."""


def masker(
    algorithm: str,
    parameters: Mapping[str, Any],
    *,
    keys: KeyProvider = no_keys,
    today: datetime.date | None = None,
    nonces: ciphers.NonceSource = os.urandom,
) -> Masker:
    """Return the mask as a function from a JSON value to what may be shown of it, or DROP.

    `today` is the day that ages count to, by default the machine's local date; `nonces` is for tests of `encrypt`. The
    function never changes its argument.
    Raises MaskUnavailableError when the mask cannot be performed exactly as told.
    """
    given = _given(algorithm, parameters)
    if algorithm == "suppress":
        return lambda _: DROP
    if algorithm == "null":
        return lambda _: None
    day = today or datetime.datetime.now().astimezone().date()
    return ValueMask(_ALGORITHMS[algorithm].make(given, _Setting(keys, day, nonces)))


class ValueMask:
    """A mask of any value that JSON may hold, by the mask of a `text`, which must be neither empty nor out of UTF-8."""

    __slots__ = ("text",)

    def __init__(self, text: TextMask) -> None:
        self.text = text

    def __call__(self, value: Any) -> Any:
        """Return what may be shown of a value."""
        return _on_value(value, self.text, 0)


def apply(
    algorithm: str,
    parameters: Mapping[str, Any],
    value: Any,
    keys: KeyProvider = no_keys,
    *,
    today: datetime.date | None = None,
    nonces: ciphers.NonceSource = os.urandom,
) -> Any:
    """Return what a mask shows of a JSON value; DROP for a field to be left out or a mask that cannot be performed."""
    try:
        return masker(algorithm, parameters, keys=keys, today=today, nonces=nonces)(value)
    except MaskUnavailableError:
        return DROP


def _given(algorithm: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with defaults. Raises MaskUnavailableError."""
    known = PARAMETERS.get(algorithm)
    if known is None:
        raise MaskUnavailableError(f"this client does not know the algorithm `{algorithm}`")
    for name in parameters:
        if name not in known:
            raise MaskUnavailableError(f"this client does not know the parameter `{name}` of `{algorithm}`")
    given: dict[str, Any] = {}
    for name, default in known.items():
        value = parameters.get(name, default)
        if value is None and name not in parameters:
            continue
        if value is REQUIRED or not _ALGORITHMS[algorithm].parameters[name].accepts(value):
            raise MaskUnavailableError(f"parameter `{name}` of `{algorithm}` is missing or wrong")
        given[name] = value
    return given


def _on_value(value: Any, mask: TextMask, depth: int) -> Any:
    """Mask whatever JSON may hold: see "Values that are no text" in docs/guides/masking.md."""
    if type(value) is str and value:
        return HIDDEN if _text.has_lone_surrogate(value) else mask(value)
    match value:
        case None:
            return None
        case str():
            text: str | None = value
        case bool():
            return HIDDEN
        case int() | float() | Decimal():
            text = _figures.number_text(value)
        case list() | tuple() if depth < MAX_DEPTH:
            return [_on_value(item, mask, depth + 1) for item in value]
        case _:
            return HIDDEN
    if text is None or _text.has_lone_surrogate(text):
        return HIDDEN
    return mask(text) if text else ""
