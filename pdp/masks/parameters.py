"""The parameters of masks: their types, bounds and forms, and what is wrong with a value."""

from __future__ import annotations

import enum
import functools
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import re2

MAX_ITEM = 64
"""Code points of a list's item."""

# The decimals that policies may write: no exponent and no leading zero, so that one number has few spellings.
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,8})?")
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_PLAIN_ESCAPES = frozenset("nrtfvx")
_TEMPLATE_PART = re.compile(r"\$(.?)", re.DOTALL)


class ParameterType(enum.Enum):
    """How a parameter travels in a `pdp.v1.Mask`; the value is how the guide writes it."""

    STRING = "string"
    INT = "int"
    STRING_LIST = "list(string)"


class Form(enum.Enum):
    """What a text must look like; the value says it in the hints."""

    TEXT = "a text without control characters"
    CHARACTER = "one character that can be seen and is no digit"
    DECIMAL = 'a decimal such as `"0.5"`, with at most 18 digits before and 8 after the point'
    PATTERN = "an RE2 pattern without flags, assertions and classes such as `\\d` (write `[0-9]`)"
    TEMPLATE = "a text with `$1` to `$9` for the pattern's groups and `$$` for a dollar sign"
    KEY_ID = "letters, digits, `_`, `.` and `-`, beginning with a letter or digit"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an algorithm.

    `minimum` and `maximum` bound an int, the code points of a text or the items of a list, inclusive; each item of a
    list has 1 to MAX_ITEM code points. `form` and `choices` speak about the text, for a list about each item. A default
    of None on a parameter that is not required means that it is left out.
    """

    name: str
    type: ParameterType
    zh: str
    en: str
    default: Any = None
    required: bool = False
    minimum: int = 0
    maximum: int = 1_000
    form: Form = Form.TEXT
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one parameter (`algorithm` when it is the algorithm's name), and how to mend it."""

    parameter: str
    message: str
    hint: str


def normal(parameter: Parameter, value: Any) -> Any:
    """Return a valid value as it travels: lists as tuples, and whole numbers given for decimals as text."""
    if parameter.type is ParameterType.STRING_LIST:
        return tuple(str(item) for item in value)
    return str(value) if parameter.type is ParameterType.STRING else value


def problems_of(parameter: Parameter, value: Any) -> Iterator[Problem]:
    """Yield what is wrong with a value as YAML gives it."""
    match parameter.type:
        case ParameterType.INT:
            if not isinstance(value, int) or isinstance(value, bool):
                yield _wrong(parameter, value, "is not a whole number", _range_hint(parameter))
            elif not parameter.minimum <= value <= parameter.maximum:
                yield _wrong(parameter, value, "is out of range", _range_hint(parameter))
        case ParameterType.STRING:
            yield from _text_problems(parameter, value, parameter.minimum, parameter.maximum)
        case ParameterType.STRING_LIST:
            if not isinstance(value, list | tuple):
                yield _wrong(parameter, value, "is not a list", "write the items in `[…]`")
            elif not parameter.minimum <= len(value) <= parameter.maximum:
                hint = f"give {parameter.minimum} to {parameter.maximum} items, or leave `{parameter.name}` out"
                yield Problem(parameter.name, f"`{parameter.name}` has {len(value)} items", hint)
            else:
                for item in value:
                    yield from _text_problems(parameter, item, 1, MAX_ITEM)


def fraction(text: Any) -> Fraction:
    """Return the exact number that a valid decimal stands for."""
    return Fraction(str(text))


@functools.cache
def groups_of(pattern: str) -> int:
    """Return how many groups a pattern has. Raises re2.error when it is none."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return int(re2.compile(pattern, options).groups)


def group_references(template: str) -> list[str]:
    """Return what follows each `$` of a template: a digit, another `$`, something wrong, or nothing at its end."""
    return [match.group(1) for match in _TEMPLATE_PART.finditer(template)]


def _text_problems(parameter: Parameter, value: Any, minimum: int, maximum: int) -> Iterator[Problem]:
    if parameter.form is Form.DECIMAL and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    choices = ", ".join(f"`{choice}`" for choice in parameter.choices)
    if not isinstance(value, str):
        form = parameter.form.value
        hint = f"write one of {choices}, in quotes" if choices else f"write {form}, in quotes"
        yield _wrong(parameter, value, "is not a text", hint)
        return
    if choices:
        if value not in parameter.choices:
            yield _wrong(parameter, value, "is not one of its values", f"use one of {choices}")
        return
    if not minimum <= len(value) <= maximum and parameter.form is not Form.CHARACTER:
        hint = f"use {minimum} to {maximum} characters"
        yield Problem(parameter.name, f"`{parameter.name}` has {len(value)} characters", hint)
    elif not _has_form(parameter.form, value):
        yield _wrong(parameter, value, "does not have the form it needs", f"use {parameter.form.value}")


def _has_form(form: Form, value: str) -> bool:
    if any(unicodedata.category(ch) in ("Cc", "Cs") for ch in value):
        return False
    match form:
        case Form.CHARACTER:
            # A digit would read as part of the number it hides, a combining mark or a space as nothing at all.
            return len(value) == 1 and unicodedata.category(value)[0] in "LPS"
        case Form.DECIMAL:
            return _DECIMAL.fullmatch(value) is not None
        case Form.KEY_ID:
            return _KEY_ID.fullmatch(value) is not None
        case Form.PATTERN:
            return _is_portable_pattern(value)
        case Form.TEMPLATE:
            return all(part == "$" or part in set("123456789") for part in group_references(value))
        case Form.TEXT:
            return True


def _is_portable_pattern(pattern: str) -> bool:
    """Whether every RE2 reads the pattern alike: no flags, no tables of Unicode, no assertions but `^` and `$`."""
    for match in _ESCAPE.finditer(pattern):
        escaped = match.group(1)
        if escaped not in _PLAIN_ESCAPES and (escaped == "" or escaped.isalnum()):
            return False
    if re.search(r"\(\?(?!:)", _ESCAPE.sub("", pattern)):
        return False
    try:
        groups_of(pattern)
    except re2.error:
        return False
    return True


def _range_hint(parameter: Parameter) -> str:
    return f"use a whole number from {parameter.minimum} to {parameter.maximum}"


def _wrong(parameter: Parameter, value: Any, complaint: str, hint: str) -> Problem:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    shown = shown.encode("utf-8", "backslashreplace").decode()
    return Problem(parameter.name, f"`{parameter.name}` is `{shown[:80]}`, which {complaint}", hint)
