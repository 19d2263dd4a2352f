"""Where the rules of a policy file stand, by character offsets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

# libyaml where it is built in: a policy of 2,000 rules takes a tenth of a second instead of two.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`, in characters of the text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KeyOutline:
    """A key of a rule with its value. `whole` begins at the key, `colon` is the offset behind the colon.

    Ends leave out what comes after the value; `value` begins at `colon` where the value stands in lines of its own.
    """

    name: str
    whole: Span
    colon: int
    value: Span
    data: Any


@dataclass(frozen=True, slots=True)
class RuleOutline:
    """A rule. `block` has its whole lines with the comments right above it; `item` the mapping itself.

    `flow` says that it is written in braces; `indent` is the column of its keys.
    """

    id: str
    block: Span
    item: Span
    flow: bool
    indent: int
    keys: Mapping[str, KeyOutline]

    @property
    def data(self) -> dict[str, Any]:
        """Return what it says, as plain values."""
        return {name: key.data for name, key in self.keys.items()}


@dataclass(frozen=True, slots=True)
class PolicyOutline:
    """A document of kind Policy. `rules_flow` says that the list itself stands in brackets.

    `dash` is the column of the dashes of its rules, `line` the number of its first line, from 0.
    """

    id: str
    line: int
    rules: tuple[RuleOutline, ...]
    rules_span: Span
    rules_flow: bool
    dash: int


@dataclass(frozen=True, slots=True)
class Outline:
    """The policies of a text."""

    text: str
    policies: tuple[PolicyOutline, ...]

    def policy(self, policy_id: str) -> PolicyOutline:
        """Return the policy of this id. Raises KeyError."""
        for policy in self.policies:
            if policy.id == policy_id:
                return policy
        raise KeyError(policy_id)


def outline(text: str) -> Outline:
    """Return where the rules stand. Raises yaml.YAMLError for a text that is no YAML."""
    return Outline(text, tuple(_policies(text)))


def _policies(text: str) -> Iterator[PolicyOutline]:
    for document in yaml.compose_all(text, _LOADER):
        if not isinstance(document, yaml.MappingNode):
            continue
        pairs = {key.value: (key, value) for key, value in document.value if isinstance(key, yaml.ScalarNode)}
        kind, rules = pairs.get("kind"), pairs.get("rules")
        if kind is None or kind[1].value != "Policy" or rules is None or not isinstance(rules[1], yaml.SequenceNode):
            continue
        items = [item for item in rules[1].value if isinstance(item, yaml.MappingNode)]
        if len(items) != len(rules[1].value):
            continue
        flow = bool(rules[1].flow_style)
        name = pairs.get("id")
        found = tuple(_rule(text, item, in_flow=flow) for item in items)
        dash = rules[0].start_mark.column + 2
        if items and not flow:
            dash = _dash_column(text, items[0].start_mark.index)
        yield PolicyOutline(
            str(name[1].value) if name is not None else "",
            document.start_mark.line,
            found,
            Span(rules[1].start_mark.index, _end(text, rules[1])),
            flow,
            dash,
        )


def _rule(text: str, node: yaml.MappingNode, *, in_flow: bool) -> RuleOutline:
    keys = {}
    for key, value in node.value:
        colon = text.index(":", key.end_mark.index) + 1
        end = max(_end(text, value), colon)
        beside = value.start_mark.line == key.start_mark.line and value.start_mark.index < end
        held = Span(value.start_mark.index if beside else colon, end)
        keys[str(key.value)] = KeyOutline(str(key.value), Span(key.start_mark.index, end), colon, held, _plain(value))
    item = Span(node.start_mark.index, _end(text, node))
    block = item if in_flow else Span(_first_line(text, item.start), _line_end(text, item.end))
    identifier = keys.get("id")
    name = "" if identifier is None else str(identifier.data)
    return RuleOutline(name, block, item, bool(node.flow_style), node.start_mark.column, keys)


def _plain(node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
        return node.value
    # No loader: making one for each value of 2,000 rules would take a second.
    return SafeConstructor().construct_document(node)


def _end(text: str, node: Any) -> int:
    """Return where a value really ends: a block's end mark lies at the next token, behind comments and blanks."""
    if isinstance(node, yaml.ScalarNode):
        if node.style in ("|", ">"):
            return node.start_mark.index + len(text[node.start_mark.index : node.end_mark.index].rstrip())
        return int(node.end_mark.index)
    if node.flow_style:
        return int(node.end_mark.index)
    children = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
    return max((_end(text, child) for child in children), default=int(node.start_mark.index))


def _dash_column(text: str, start: int) -> int:
    line = text.rfind("\n", 0, start) + 1
    return start - line - (start - line - text[line:start].find("-"))


def _first_line(text: str, start: int) -> int:
    """Return where the lines of a rule begin: with the comments right above its dash."""
    line = text.rfind("\n", 0, start) + 1
    while line > 0:
        before = text.rfind("\n", 0, line - 1) + 1
        if not text[before : line - 1].lstrip().startswith("#"):
            break
        line = before
    return line


def _line_end(text: str, end: int) -> int:
    """Return where the line of an end ends, its comment and line break included."""
    found = text.find("\n", end)
    return len(text) if found < 0 else found + 1
