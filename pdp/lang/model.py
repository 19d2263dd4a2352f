"""A policy set as data: what the loader makes of the YAML documents, every part with its place.

Nothing here is resolved: names of fields, masks and attributes are as written. `check` resolves and judges them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pdp.source import SourceFile, SourceText, Span
from pdp.values import AttributeType


@dataclass(frozen=True, slots=True)
class Label:
    """A text in Chinese and English; either may be empty."""

    zh: str = ""
    en: str = ""

    def __bool__(self) -> bool:
        return bool(self.zh or self.en)


class Effect(enum.Enum):
    """What is said about a field."""

    UNMASK = "unmask"
    MASK = "mask"


class RecordMode(enum.Enum):
    """How much of an attribute a snapshot keeps."""

    FULL = "full"
    BUCKET = "bucket"
    HASH = "hash"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AllowedValue:
    """A value that an attribute may take. The value is of the attribute's type, of its elements for a list."""

    value: Any
    label: Label
    span: Span


@dataclass(frozen=True, slots=True)
class Attribute:
    """A declared request attribute; `name` is dotted, such as `subject.level`."""

    name: str
    type: AttributeType
    label: Label
    allowed: tuple[AllowedValue, ...]
    default: Any | None
    record: RecordMode
    span: Span
    builtin: bool = False


@dataclass(frozen=True, slots=True)
class MaskSpec:
    """An algorithm with parameters; `parameters` as written, `name` empty when it stands inside a rule or a field."""

    name: str
    algorithm: str
    parameters: Mapping[str, Any]
    label: Label
    span: Span
    parameter_spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MaskRef:
    """The name of a mask as a rule or a field uses it."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Field:
    """An entry of the dictionary. `mask` None means masked in full."""

    id: str
    label: Label
    level: str
    category: str
    tags: tuple[str, ...]
    semantic_type: str
    mask: MaskRef | MaskSpec | None
    never_unmask: bool
    span: Span
    default: Effect | None = None


@dataclass(frozen=True, slots=True)
class PathRef:
    """A JSON path as written: `$`, names and `[*]`."""

    path: str
    span: Span


@dataclass(frozen=True, slots=True)
class Part:
    """The fields and attributes of a message (`name` empty, `path` `$`) or of each item of one of its lists."""

    name: str
    path: PathRef
    resource_type: str
    resource_id: PathRef | None
    fields: Mapping[str, tuple[PathRef, ...]]
    attributes: Mapping[str, PathRef]
    field_spans: Mapping[str, Span]
    attribute_spans: Mapping[str, Span]
    span: Span


@dataclass(frozen=True, slots=True)
class MessageMap:
    """Where fields and attributes sit in an application's message; the message itself is the first part."""

    application: str
    name: str
    label: Label
    parts: tuple[Part, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ScopeClause:
    """The attribute equals one of the values."""

    attribute: str
    values: tuple[Any, ...]
    span: Span
    value_spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A named expression; conditions write `vars.<name>`."""

    name: str
    expression: SourceText
    span: Span


@dataclass(frozen=True, slots=True)
class Selector:
    """What a rule speaks about: a field id, or the fields with this level, category and tag; all empty: every field."""

    span: Span
    id: str = ""
    level: str = ""
    category: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Obligation:
    """What the caller must do besides."""

    type: str
    parameters: Mapping[str, str]
    span: Span


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `mask` None on a masking rule means each field's default mask."""

    id: str
    title: Label
    when: tuple[SourceText, ...]
    fields: tuple[Selector, ...]
    excluded: tuple[Selector, ...]
    effect: Effect
    mask: MaskRef | MaskSpec | None
    priority: int
    obligations: tuple[Obligation, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules that share a scope and variables."""

    id: str
    title: Label
    scope: tuple[ScopeClause, ...]
    variables: tuple[Variable, ...]
    rules: tuple[Rule, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class GrantSpec:
    """A grant as a test or a grants file writes it; times in nanoseconds since 1970."""

    id: str
    kind: str
    subject_id: str
    resource_type: str
    resource_id: str
    fields: tuple[str, ...]
    levels: tuple[str, ...]
    not_before: int
    expires_at: int
    approver: str
    approver_level: int
    scenario: str
    reason: str
    evidence: str
    application: str
    span: Span


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a scenario expects of one field. `mask` None on MASK accepts any mask; `rule` empty accepts any reason."""

    field: str
    effect: Effect
    mask: MaskRef | MaskSpec | None
    rule: str
    span: Span


@dataclass(frozen=True, slots=True)
class Scenario:
    """One request with the expected verdicts. Attribute values are keyed by dotted name and already typed."""

    id: str
    title: Label
    requirements: tuple[str, ...]
    now: int | None
    attributes: Mapping[str, Any]
    fields: tuple[str, ...]
    grants: tuple[GrantSpec, ...]
    grant_ids: tuple[str, ...]
    expected: tuple[Expectation, ...]
    obligations: tuple[str, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class TestSuite:
    """A `Test` document."""

    __test__ = False  # keeps pytest from collecting it

    id: str
    title: Label
    scenarios: tuple[Scenario, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class FailureRule:
    """What clients do while no verdict can be had: fields of the levels in `passes` are shown as they are until then.

    `until` is in nanoseconds since 1970, exclusive; None where nothing passes, or it could not be read.
    """

    passes: tuple[str, ...]
    until: int | None
    alarm_events: int
    alarm_seconds: int
    span: Span
    level_spans: Mapping[str, Span]
    until_span: Span


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All documents of a folder, each list in the order of file names and places.

    `fields` maps levels to what holds by default; all other maps are keyed by the thing's id.
    """

    attributes: Mapping[str, Attribute]
    level_defaults: Mapping[str, Effect]
    fields: Mapping[str, Field]
    masks: Mapping[str, MaskSpec]
    message_maps: tuple[MessageMap, ...]
    policies: tuple[Policy, ...]
    tests: tuple[TestSuite, ...]
    sources: Mapping[str, SourceFile]
    failure_rule: FailureRule | None = None
