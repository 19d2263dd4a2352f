"""How things are named, and other words that several kinds of documents share."""

from __future__ import annotations

import re

from pdp.lang.loader.reader import Name
from pdp.lang.model import Effect

# Words that CEL keeps for itself; an attribute or variable of that name could not be written in a condition.
CEL_RESERVED = frozenset(
    {
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
        "let", "loop", "package", "namespace", "return", "var", "void", "while",
    }
)  # fmt: skip
SECTIONS = ("subject", "action", "resource", "context")

_DASHED = re.compile(r"[a-z0-9][a-z0-9-]*")
_DASHED_RULE = "lower-case letters, digits and `-`, beginning with a letter or digit"
_MARKED_RULE = "lower-case letters, digits, `-` and `_`, beginning with a letter"
_WORD_RULE = "lower-case letters, digits and `_`, beginning with a letter"

POLICY = Name("policy id", _DASHED, _DASHED_RULE)
RULE = Name("rule id", _DASHED, _DASHED_RULE)
TEST = Name("test id", _DASHED, _DASHED_RULE)
SCENARIO = Name("scenario id", _DASHED, _DASHED_RULE)
APPLICATION = Name("application name", _DASHED, _DASHED_RULE)
MESSAGE = Name("message name", _DASHED, _DASHED_RULE)
PART = Name("list name", re.compile(r"[a-z0-9][a-z0-9_-]*"), "lower-case letters, digits, `-` and `_`")
ATTRIBUTE = Name(
    "attribute name",
    re.compile(rf"(?:{'|'.join(SECTIONS)})\.[a-z][a-z0-9_]*"),
    "`subject.`, `action.`, `resource.` or `context.` and one lower-case word",
    frozenset(f"{section}.{word}" for section in SECTIONS for word in CEL_RESERVED),
)
VARIABLE = Name("variable name", re.compile(r"[a-z][a-z0-9_]*"), _WORD_RULE, CEL_RESERVED)
FIELD = Name(
    "field id",
    re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*"),
    f"{_WORD_RULE}, with dots between words",
    frozenset({"all"}),
)
MASK = Name(
    "mask name",
    re.compile(r"[a-z][a-z0-9_-]*"),
    _MARKED_RULE,
    frozenset({"default", "mask", "unmask"}),
)
ALGORITHM = Name("algorithm", re.compile(r"[a-z][a-z0-9_-]*"), f"{_MARKED_RULE}, such as `keep`")
OBLIGATION = Name("obligation type", re.compile(r"[a-z][a-z0-9_-]*"), _MARKED_RULE)
RULE_REFERENCE = Name(
    "rule reference", re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*"), "`policy/rule`, the ids of both"
)

LEVELS = {level: level for level in ("C1", "C2", "C3")}
EFFECTS = {effect.value: effect for effect in Effect}
