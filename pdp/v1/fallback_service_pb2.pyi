from pdp.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FallbackCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FALLBACK_CAUSE_UNSPECIFIED: _ClassVar[FallbackCause]
    FALLBACK_CAUSE_UNAVAILABLE: _ClassVar[FallbackCause]
    FALLBACK_CAUSE_DEADLINE: _ClassVar[FallbackCause]
    FALLBACK_CAUSE_BAD_ANSWER: _ClassVar[FallbackCause]
    FALLBACK_CAUSE_BREAKER_OPEN: _ClassVar[FallbackCause]
    FALLBACK_CAUSE_OVERLOAD: _ClassVar[FallbackCause]
FALLBACK_CAUSE_UNSPECIFIED: FallbackCause
FALLBACK_CAUSE_UNAVAILABLE: FallbackCause
FALLBACK_CAUSE_DEADLINE: FallbackCause
FALLBACK_CAUSE_BAD_ANSWER: FallbackCause
FALLBACK_CAUSE_BREAKER_OPEN: FallbackCause
FALLBACK_CAUSE_OVERLOAD: FallbackCause

class FallbackItem(_message.Message):
    __slots__ = ("resource", "part", "passed", "masked")
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    MASKED_FIELD_NUMBER: _ClassVar[int]
    resource: _types_pb2.Resource
    part: str
    passed: _containers.RepeatedScalarFieldContainer[str]
    masked: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, resource: _Optional[_Union[_types_pb2.Resource, _Mapping]] = ..., part: _Optional[str] = ..., passed: _Optional[_Iterable[str]] = ..., masked: _Optional[_Iterable[str]] = ...) -> None: ...

class FallbackEvent(_message.Message):
    __slots__ = ("sequence", "time_nanos", "cause", "detail", "request_id", "message", "subject", "action", "context", "grant_ids", "revision", "policy_hash", "items")
    class ContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _types_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_types_pb2.Value, _Mapping]] = ...) -> None: ...
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    GRANT_IDS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    POLICY_HASH_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time_nanos: int
    cause: FallbackCause
    detail: str
    request_id: str
    message: _types_pb2.MessageRef
    subject: _types_pb2.Subject
    action: _types_pb2.Action
    context: _containers.MessageMap[str, _types_pb2.Value]
    grant_ids: _containers.RepeatedScalarFieldContainer[str]
    revision: int
    policy_hash: str
    items: _containers.RepeatedCompositeFieldContainer[FallbackItem]
    def __init__(self, sequence: _Optional[int] = ..., time_nanos: _Optional[int] = ..., cause: _Optional[_Union[FallbackCause, str]] = ..., detail: _Optional[str] = ..., request_id: _Optional[str] = ..., message: _Optional[_Union[_types_pb2.MessageRef, _Mapping]] = ..., subject: _Optional[_Union[_types_pb2.Subject, _Mapping]] = ..., action: _Optional[_Union[_types_pb2.Action, _Mapping]] = ..., context: _Optional[_Mapping[str, _types_pb2.Value]] = ..., grant_ids: _Optional[_Iterable[str]] = ..., revision: _Optional[int] = ..., policy_hash: _Optional[str] = ..., items: _Optional[_Iterable[_Union[FallbackItem, _Mapping]]] = ...) -> None: ...

class ReportFallbacksRequest(_message.Message):
    __slots__ = ("client_id", "events")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    client_id: str
    events: _containers.RepeatedCompositeFieldContainer[FallbackEvent]
    def __init__(self, client_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[FallbackEvent, _Mapping]]] = ...) -> None: ...

class ReportFallbacksResponse(_message.Message):
    __slots__ = ("recorded_through",)
    RECORDED_THROUGH_FIELD_NUMBER: _ClassVar[int]
    recorded_through: int
    def __init__(self, recorded_through: _Optional[int] = ...) -> None: ...
