import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from jingxi_client._gen.pdp.v1 import bundle_pb2 as _bundle_pb2
from jingxi_client._gen.pdp.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RuleOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULE_OUTCOME_UNSPECIFIED: _ClassVar[RuleOutcome]
    RULE_OUTCOME_MATCHED: _ClassVar[RuleOutcome]
    RULE_OUTCOME_NOT_MATCHED: _ClassVar[RuleOutcome]
    RULE_OUTCOME_UNDECIDED: _ClassVar[RuleOutcome]

class ClauseOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLAUSE_OUTCOME_UNSPECIFIED: _ClassVar[ClauseOutcome]
    CLAUSE_OUTCOME_TRUE: _ClassVar[ClauseOutcome]
    CLAUSE_OUTCOME_FALSE: _ClassVar[ClauseOutcome]
    CLAUSE_OUTCOME_UNDECIDED: _ClassVar[ClauseOutcome]
RULE_OUTCOME_UNSPECIFIED: RuleOutcome
RULE_OUTCOME_MATCHED: RuleOutcome
RULE_OUTCOME_NOT_MATCHED: RuleOutcome
RULE_OUTCOME_UNDECIDED: RuleOutcome
CLAUSE_OUTCOME_UNSPECIFIED: ClauseOutcome
CLAUSE_OUTCOME_TRUE: ClauseOutcome
CLAUSE_OUTCOME_FALSE: ClauseOutcome
CLAUSE_OUTCOME_UNDECIDED: ClauseOutcome

class DecideRequest(_message.Message):
    __slots__ = ("request_id", "subject", "action", "resource", "context", "fields", "message", "grant_ids", "min_revision", "min_grant_revision")
    class ContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _types_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_types_pb2.Value, _Mapping]] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    GRANT_IDS_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    MIN_GRANT_REVISION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subject: _types_pb2.Subject
    action: _types_pb2.Action
    resource: _types_pb2.Resource
    context: _containers.MessageMap[str, _types_pb2.Value]
    fields: _containers.RepeatedScalarFieldContainer[str]
    message: _types_pb2.MessageRef
    grant_ids: _containers.RepeatedScalarFieldContainer[str]
    min_revision: int
    min_grant_revision: int
    def __init__(self, request_id: _Optional[str] = ..., subject: _Optional[_Union[_types_pb2.Subject, _Mapping]] = ..., action: _Optional[_Union[_types_pb2.Action, _Mapping]] = ..., resource: _Optional[_Union[_types_pb2.Resource, _Mapping]] = ..., context: _Optional[_Mapping[str, _types_pb2.Value]] = ..., fields: _Optional[_Iterable[str]] = ..., message: _Optional[_Union[_types_pb2.MessageRef, _Mapping]] = ..., grant_ids: _Optional[_Iterable[str]] = ..., min_revision: _Optional[int] = ..., min_grant_revision: _Optional[int] = ...) -> None: ...

class DecideResponse(_message.Message):
    __slots__ = ("decision_id", "request_id", "revision", "policy_hash", "verdicts", "masks", "reasons", "obligations", "diagnostics")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    POLICY_HASH_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    OBLIGATIONS_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    request_id: str
    revision: int
    policy_hash: str
    verdicts: _containers.RepeatedCompositeFieldContainer[_types_pb2.Verdict]
    masks: _containers.RepeatedCompositeFieldContainer[_types_pb2.Mask]
    reasons: _containers.RepeatedCompositeFieldContainer[_types_pb2.Reason]
    obligations: _containers.RepeatedCompositeFieldContainer[_types_pb2.Obligation]
    diagnostics: _containers.RepeatedCompositeFieldContainer[_types_pb2.Diagnostic]
    def __init__(self, decision_id: _Optional[str] = ..., request_id: _Optional[str] = ..., revision: _Optional[int] = ..., policy_hash: _Optional[str] = ..., verdicts: _Optional[_Iterable[_Union[_types_pb2.Verdict, _Mapping]]] = ..., masks: _Optional[_Iterable[_Union[_types_pb2.Mask, _Mapping]]] = ..., reasons: _Optional[_Iterable[_Union[_types_pb2.Reason, _Mapping]]] = ..., obligations: _Optional[_Iterable[_Union[_types_pb2.Obligation, _Mapping]]] = ..., diagnostics: _Optional[_Iterable[_Union[_types_pb2.Diagnostic, _Mapping]]] = ...) -> None: ...

class BatchItem(_message.Message):
    __slots__ = ("resource", "fields", "message")
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    resource: _types_pb2.Resource
    fields: _containers.RepeatedScalarFieldContainer[str]
    message: _types_pb2.MessageRef
    def __init__(self, resource: _Optional[_Union[_types_pb2.Resource, _Mapping]] = ..., fields: _Optional[_Iterable[str]] = ..., message: _Optional[_Union[_types_pb2.MessageRef, _Mapping]] = ...) -> None: ...

class DecideBatchRequest(_message.Message):
    __slots__ = ("request_id", "subject", "action", "context", "items", "grant_ids", "min_revision", "min_grant_revision")
    class ContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _types_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_types_pb2.Value, _Mapping]] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    GRANT_IDS_FIELD_NUMBER: _ClassVar[int]
    MIN_REVISION_FIELD_NUMBER: _ClassVar[int]
    MIN_GRANT_REVISION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subject: _types_pb2.Subject
    action: _types_pb2.Action
    context: _containers.MessageMap[str, _types_pb2.Value]
    items: _containers.RepeatedCompositeFieldContainer[BatchItem]
    grant_ids: _containers.RepeatedScalarFieldContainer[str]
    min_revision: int
    min_grant_revision: int
    def __init__(self, request_id: _Optional[str] = ..., subject: _Optional[_Union[_types_pb2.Subject, _Mapping]] = ..., action: _Optional[_Union[_types_pb2.Action, _Mapping]] = ..., context: _Optional[_Mapping[str, _types_pb2.Value]] = ..., items: _Optional[_Iterable[_Union[BatchItem, _Mapping]]] = ..., grant_ids: _Optional[_Iterable[str]] = ..., min_revision: _Optional[int] = ..., min_grant_revision: _Optional[int] = ...) -> None: ...

class ItemError(_message.Message):
    __slots__ = ("code", "message", "field")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    field: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class BatchResult(_message.Message):
    __slots__ = ("decision", "error")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    decision: DecideResponse
    error: ItemError
    def __init__(self, decision: _Optional[_Union[DecideResponse, _Mapping]] = ..., error: _Optional[_Union[ItemError, _Mapping]] = ...) -> None: ...

class DecideBatchResponse(_message.Message):
    __slots__ = ("request_id", "revision", "policy_hash", "results")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    POLICY_HASH_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    revision: int
    policy_hash: str
    results: _containers.RepeatedCompositeFieldContainer[BatchResult]
    def __init__(self, request_id: _Optional[str] = ..., revision: _Optional[int] = ..., policy_hash: _Optional[str] = ..., results: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ...) -> None: ...

class DecideStreamRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: DecideRequest
    def __init__(self, request: _Optional[_Union[DecideRequest, _Mapping]] = ...) -> None: ...

class DecideStreamResponse(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: DecideResponse
    error: ItemError
    def __init__(self, response: _Optional[_Union[DecideResponse, _Mapping]] = ..., error: _Optional[_Union[ItemError, _Mapping]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("request", "now", "field")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    request: DecideRequest
    now: _timestamp_pb2.Timestamp
    field: str
    def __init__(self, request: _Optional[_Union[DecideRequest, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., field: _Optional[str] = ...) -> None: ...

class ClauseTrace(_message.Message):
    __slots__ = ("expression", "outcome", "attributes", "location", "sentence", "values")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    expression: str
    outcome: ClauseOutcome
    attributes: _containers.RepeatedScalarFieldContainer[str]
    location: str
    sentence: _types_pb2.LocalizedText
    values: _containers.ScalarMap[str, str]
    def __init__(self, expression: _Optional[str] = ..., outcome: _Optional[_Union[ClauseOutcome, str]] = ..., attributes: _Optional[_Iterable[str]] = ..., location: _Optional[str] = ..., sentence: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., values: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RuleTrace(_message.Message):
    __slots__ = ("rule", "title", "outcome", "clauses", "fields", "wins", "priority", "sentence", "location", "grant_id")
    RULE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CLAUSES_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    WINS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    rule: str
    title: _types_pb2.LocalizedText
    outcome: RuleOutcome
    clauses: _containers.RepeatedCompositeFieldContainer[ClauseTrace]
    fields: _containers.RepeatedScalarFieldContainer[str]
    wins: _containers.RepeatedScalarFieldContainer[str]
    priority: int
    sentence: _types_pb2.LocalizedText
    location: str
    grant_id: str
    def __init__(self, rule: _Optional[str] = ..., title: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., outcome: _Optional[_Union[RuleOutcome, str]] = ..., clauses: _Optional[_Iterable[_Union[ClauseTrace, _Mapping]]] = ..., fields: _Optional[_Iterable[str]] = ..., wins: _Optional[_Iterable[str]] = ..., priority: _Optional[int] = ..., sentence: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., location: _Optional[str] = ..., grant_id: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("decision", "rules", "now", "sentences")
    class SentencesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _types_pb2.LocalizedText
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ...) -> None: ...
    DECISION_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    SENTENCES_FIELD_NUMBER: _ClassVar[int]
    decision: DecideResponse
    rules: _containers.RepeatedCompositeFieldContainer[RuleTrace]
    now: _timestamp_pb2.Timestamp
    sentences: _containers.MessageMap[str, _types_pb2.LocalizedText]
    def __init__(self, decision: _Optional[_Union[DecideResponse, _Mapping]] = ..., rules: _Optional[_Iterable[_Union[RuleTrace, _Mapping]]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sentences: _Optional[_Mapping[str, _types_pb2.LocalizedText]] = ...) -> None: ...

class GetMessageMapRequest(_message.Message):
    __slots__ = ("application", "name")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class FieldFallback(_message.Message):
    __slots__ = ("field", "level", "mask")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PASS_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    field: str
    level: str
    mask: _types_pb2.Mask
    def __init__(self, field: _Optional[str] = ..., level: _Optional[str] = ..., mask: _Optional[_Union[_types_pb2.Mask, _Mapping]] = ..., **kwargs) -> None: ...

class GetMessageMapResponse(_message.Message):
    __slots__ = ("message_map", "attribute_types", "revision", "policy_hash", "fallbacks", "pass_until_nanos", "alarm_events", "alarm_seconds")
    class AttributeTypesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _bundle_pb2.AttributeType
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_bundle_pb2.AttributeType, str]] = ...) -> None: ...
    MESSAGE_MAP_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_TYPES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    POLICY_HASH_FIELD_NUMBER: _ClassVar[int]
    FALLBACKS_FIELD_NUMBER: _ClassVar[int]
    PASS_UNTIL_NANOS_FIELD_NUMBER: _ClassVar[int]
    ALARM_EVENTS_FIELD_NUMBER: _ClassVar[int]
    ALARM_SECONDS_FIELD_NUMBER: _ClassVar[int]
    message_map: _bundle_pb2.MessageMap
    attribute_types: _containers.ScalarMap[str, _bundle_pb2.AttributeType]
    revision: int
    policy_hash: str
    fallbacks: _containers.RepeatedCompositeFieldContainer[FieldFallback]
    pass_until_nanos: int
    alarm_events: int
    alarm_seconds: int
    def __init__(self, message_map: _Optional[_Union[_bundle_pb2.MessageMap, _Mapping]] = ..., attribute_types: _Optional[_Mapping[str, _bundle_pb2.AttributeType]] = ..., revision: _Optional[int] = ..., policy_hash: _Optional[str] = ..., fallbacks: _Optional[_Iterable[_Union[FieldFallback, _Mapping]]] = ..., pass_until_nanos: _Optional[int] = ..., alarm_events: _Optional[int] = ..., alarm_seconds: _Optional[int] = ...) -> None: ...
