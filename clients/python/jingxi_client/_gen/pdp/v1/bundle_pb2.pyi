from jingxi_client._gen.pdp.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AttributeType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTRIBUTE_TYPE_UNSPECIFIED: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_STRING: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_INT: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_DOUBLE: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_BOOL: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_TIMESTAMP: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_DURATION: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_STRING_LIST: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_INT_LIST: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_DOUBLE_LIST: _ClassVar[AttributeType]
    ATTRIBUTE_TYPE_STRING_MAP: _ClassVar[AttributeType]

class RecordMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECORD_MODE_UNSPECIFIED: _ClassVar[RecordMode]
    RECORD_MODE_FULL: _ClassVar[RecordMode]
    RECORD_MODE_BUCKET: _ClassVar[RecordMode]
    RECORD_MODE_HASH: _ClassVar[RecordMode]
    RECORD_MODE_NONE: _ClassVar[RecordMode]
ATTRIBUTE_TYPE_UNSPECIFIED: AttributeType
ATTRIBUTE_TYPE_STRING: AttributeType
ATTRIBUTE_TYPE_INT: AttributeType
ATTRIBUTE_TYPE_DOUBLE: AttributeType
ATTRIBUTE_TYPE_BOOL: AttributeType
ATTRIBUTE_TYPE_TIMESTAMP: AttributeType
ATTRIBUTE_TYPE_DURATION: AttributeType
ATTRIBUTE_TYPE_STRING_LIST: AttributeType
ATTRIBUTE_TYPE_INT_LIST: AttributeType
ATTRIBUTE_TYPE_DOUBLE_LIST: AttributeType
ATTRIBUTE_TYPE_STRING_MAP: AttributeType
RECORD_MODE_UNSPECIFIED: RecordMode
RECORD_MODE_FULL: RecordMode
RECORD_MODE_BUCKET: RecordMode
RECORD_MODE_HASH: RecordMode
RECORD_MODE_NONE: RecordMode

class AllowedValue(_message.Message):
    __slots__ = ("value", "label")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    value: _types_pb2.Value
    label: _types_pb2.LocalizedText
    def __init__(self, value: _Optional[_Union[_types_pb2.Value, _Mapping]] = ..., label: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ...) -> None: ...

class AttributeDefinition(_message.Message):
    __slots__ = ("name", "type", "label", "allowed_values", "default_value", "record")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_VALUES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VALUE_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: AttributeType
    label: _types_pb2.LocalizedText
    allowed_values: _containers.RepeatedCompositeFieldContainer[AllowedValue]
    default_value: _types_pb2.Value
    record: RecordMode
    def __init__(self, name: _Optional[str] = ..., type: _Optional[_Union[AttributeType, str]] = ..., label: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., allowed_values: _Optional[_Iterable[_Union[AllowedValue, _Mapping]]] = ..., default_value: _Optional[_Union[_types_pb2.Value, _Mapping]] = ..., record: _Optional[_Union[RecordMode, str]] = ...) -> None: ...

class FieldDefinition(_message.Message):
    __slots__ = ("id", "label", "level", "category", "tags", "semantic_type", "default_mask", "default_effect", "never_unmask", "default_strictness")
    ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SEMANTIC_TYPE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_MASK_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_EFFECT_FIELD_NUMBER: _ClassVar[int]
    NEVER_UNMASK_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_STRICTNESS_FIELD_NUMBER: _ClassVar[int]
    id: str
    label: _types_pb2.LocalizedText
    level: str
    category: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    semantic_type: str
    default_mask: _types_pb2.Mask
    default_effect: _types_pb2.Effect
    never_unmask: bool
    default_strictness: int
    def __init__(self, id: _Optional[str] = ..., label: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., level: _Optional[str] = ..., category: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., semantic_type: _Optional[str] = ..., default_mask: _Optional[_Union[_types_pb2.Mask, _Mapping]] = ..., default_effect: _Optional[_Union[_types_pb2.Effect, str]] = ..., never_unmask: _Optional[bool] = ..., default_strictness: _Optional[int] = ...) -> None: ...

class FieldPaths(_message.Message):
    __slots__ = ("field", "paths")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    field: str
    paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, field: _Optional[str] = ..., paths: _Optional[_Iterable[str]] = ...) -> None: ...

class AttributePath(_message.Message):
    __slots__ = ("attribute", "path")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    path: str
    def __init__(self, attribute: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class MessagePart(_message.Message):
    __slots__ = ("name", "path", "resource_type", "resource_id", "fields", "attributes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    path: str
    resource_type: str
    resource_id: str
    fields: _containers.RepeatedCompositeFieldContainer[FieldPaths]
    attributes: _containers.RepeatedCompositeFieldContainer[AttributePath]
    def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ..., resource_type: _Optional[str] = ..., resource_id: _Optional[str] = ..., fields: _Optional[_Iterable[_Union[FieldPaths, _Mapping]]] = ..., attributes: _Optional[_Iterable[_Union[AttributePath, _Mapping]]] = ...) -> None: ...

class MessageMap(_message.Message):
    __slots__ = ("application", "name", "label", "parts")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    label: _types_pb2.LocalizedText
    parts: _containers.RepeatedCompositeFieldContainer[MessagePart]
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ..., label: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., parts: _Optional[_Iterable[_Union[MessagePart, _Mapping]]] = ...) -> None: ...

class ScopeClause(_message.Message):
    __slots__ = ("attribute", "values", "location", "sentence")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    values: _containers.RepeatedCompositeFieldContainer[_types_pb2.Value]
    location: str
    sentence: _types_pb2.LocalizedText
    def __init__(self, attribute: _Optional[str] = ..., values: _Optional[_Iterable[_Union[_types_pb2.Value, _Mapping]]] = ..., location: _Optional[str] = ..., sentence: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ...) -> None: ...

class Expression(_message.Message):
    __slots__ = ("text", "checked", "location", "sentence")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    text: str
    checked: bytes
    location: str
    sentence: _types_pb2.LocalizedText
    def __init__(self, text: _Optional[str] = ..., checked: _Optional[bytes] = ..., location: _Optional[str] = ..., sentence: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ...) -> None: ...

class Variable(_message.Message):
    __slots__ = ("name", "expression")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    expression: Expression
    def __init__(self, name: _Optional[str] = ..., expression: _Optional[_Union[Expression, _Mapping]] = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ("id", "title", "when", "fields", "effect", "mask", "priority", "obligations", "location", "sentence", "strictness")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    OBLIGATIONS_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    STRICTNESS_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: _types_pb2.LocalizedText
    when: _containers.RepeatedCompositeFieldContainer[Expression]
    fields: _containers.RepeatedScalarFieldContainer[str]
    effect: _types_pb2.Effect
    mask: _types_pb2.Mask
    priority: int
    obligations: _containers.RepeatedCompositeFieldContainer[_types_pb2.Obligation]
    location: str
    sentence: _types_pb2.LocalizedText
    strictness: int
    def __init__(self, id: _Optional[str] = ..., title: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., when: _Optional[_Iterable[_Union[Expression, _Mapping]]] = ..., fields: _Optional[_Iterable[str]] = ..., effect: _Optional[_Union[_types_pb2.Effect, str]] = ..., mask: _Optional[_Union[_types_pb2.Mask, _Mapping]] = ..., priority: _Optional[int] = ..., obligations: _Optional[_Iterable[_Union[_types_pb2.Obligation, _Mapping]]] = ..., location: _Optional[str] = ..., sentence: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., strictness: _Optional[int] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("id", "title", "scope", "variables", "rules")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: _types_pb2.LocalizedText
    scope: _containers.RepeatedCompositeFieldContainer[ScopeClause]
    variables: _containers.RepeatedCompositeFieldContainer[Variable]
    rules: _containers.RepeatedCompositeFieldContainer[Rule]
    def __init__(self, id: _Optional[str] = ..., title: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., scope: _Optional[_Iterable[_Union[ScopeClause, _Mapping]]] = ..., variables: _Optional[_Iterable[_Union[Variable, _Mapping]]] = ..., rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ...) -> None: ...

class GoldenCase(_message.Message):
    __slots__ = ("name", "request", "now_nanos", "grants", "expected")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    NOW_NANOS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    name: str
    request: bytes
    now_nanos: int
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    expected: _containers.RepeatedCompositeFieldContainer[ExpectedVerdict]
    def __init__(self, name: _Optional[str] = ..., request: _Optional[bytes] = ..., now_nanos: _Optional[int] = ..., grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ..., expected: _Optional[_Iterable[_Union[ExpectedVerdict, _Mapping]]] = ...) -> None: ...

class ExpectedVerdict(_message.Message):
    __slots__ = ("field", "effect", "mask")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    field: str
    effect: _types_pb2.Effect
    mask: _types_pb2.Mask
    def __init__(self, field: _Optional[str] = ..., effect: _Optional[_Union[_types_pb2.Effect, str]] = ..., mask: _Optional[_Union[_types_pb2.Mask, _Mapping]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("id", "kind", "subject_id", "resource_type", "resource_id", "fields", "levels", "not_before_nanos", "expires_at_nanos", "approver", "approver_level", "scenario", "reason", "evidence", "application")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_NANOS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_NANOS_FIELD_NUMBER: _ClassVar[int]
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    APPROVER_LEVEL_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    subject_id: str
    resource_type: str
    resource_id: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    levels: _containers.RepeatedScalarFieldContainer[str]
    not_before_nanos: int
    expires_at_nanos: int
    approver: str
    approver_level: int
    scenario: str
    reason: str
    evidence: str
    application: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., subject_id: _Optional[str] = ..., resource_type: _Optional[str] = ..., resource_id: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., levels: _Optional[_Iterable[str]] = ..., not_before_nanos: _Optional[int] = ..., expires_at_nanos: _Optional[int] = ..., approver: _Optional[str] = ..., approver_level: _Optional[int] = ..., scenario: _Optional[str] = ..., reason: _Optional[str] = ..., evidence: _Optional[str] = ..., application: _Optional[str] = ...) -> None: ...

class FailureRule(_message.Message):
    __slots__ = ("pass_levels", "until_nanos", "alarm_events", "alarm_seconds")
    PASS_LEVELS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_NANOS_FIELD_NUMBER: _ClassVar[int]
    ALARM_EVENTS_FIELD_NUMBER: _ClassVar[int]
    ALARM_SECONDS_FIELD_NUMBER: _ClassVar[int]
    pass_levels: _containers.RepeatedScalarFieldContainer[str]
    until_nanos: int
    alarm_events: int
    alarm_seconds: int
    def __init__(self, pass_levels: _Optional[_Iterable[str]] = ..., until_nanos: _Optional[int] = ..., alarm_events: _Optional[int] = ..., alarm_seconds: _Optional[int] = ...) -> None: ...

class Bundle(_message.Message):
    __slots__ = ("format", "attributes", "fields", "masks", "message_maps", "policies", "golden_cases", "failure_rule")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_MAPS_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_CASES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_RULE_FIELD_NUMBER: _ClassVar[int]
    format: int
    attributes: _containers.RepeatedCompositeFieldContainer[AttributeDefinition]
    fields: _containers.RepeatedCompositeFieldContainer[FieldDefinition]
    masks: _containers.RepeatedCompositeFieldContainer[_types_pb2.Mask]
    message_maps: _containers.RepeatedCompositeFieldContainer[MessageMap]
    policies: _containers.RepeatedCompositeFieldContainer[Policy]
    golden_cases: _containers.RepeatedCompositeFieldContainer[GoldenCase]
    failure_rule: FailureRule
    def __init__(self, format: _Optional[int] = ..., attributes: _Optional[_Iterable[_Union[AttributeDefinition, _Mapping]]] = ..., fields: _Optional[_Iterable[_Union[FieldDefinition, _Mapping]]] = ..., masks: _Optional[_Iterable[_Union[_types_pb2.Mask, _Mapping]]] = ..., message_maps: _Optional[_Iterable[_Union[MessageMap, _Mapping]]] = ..., policies: _Optional[_Iterable[_Union[Policy, _Mapping]]] = ..., golden_cases: _Optional[_Iterable[_Union[GoldenCase, _Mapping]]] = ..., failure_rule: _Optional[_Union[FailureRule, _Mapping]] = ...) -> None: ...

class SignedBundle(_message.Message):
    __slots__ = ("bundle", "hash", "revision", "key_id", "signature")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    bundle: bytes
    hash: str
    revision: int
    key_id: str
    signature: bytes
    def __init__(self, bundle: _Optional[bytes] = ..., hash: _Optional[str] = ..., revision: _Optional[int] = ..., key_id: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...
