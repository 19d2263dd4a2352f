import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Effect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_UNSPECIFIED: _ClassVar[Effect]
    EFFECT_UNMASK: _ClassVar[Effect]
    EFFECT_MASK: _ClassVar[Effect]

class ReasonKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_KIND_UNSPECIFIED: _ClassVar[ReasonKind]
    REASON_KIND_RULE: _ClassVar[ReasonKind]
    REASON_KIND_DEFAULT: _ClassVar[ReasonKind]
    REASON_KIND_UNKNOWN_FIELD: _ClassVar[ReasonKind]
    REASON_KIND_FAILURE_RULE: _ClassVar[ReasonKind]

class DiagnosticCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIAGNOSTIC_CODE_UNSPECIFIED: _ClassVar[DiagnosticCode]
    DIAGNOSTIC_CODE_UNKNOWN_FIELD: _ClassVar[DiagnosticCode]
    DIAGNOSTIC_CODE_UNDECLARED_ATTRIBUTE: _ClassVar[DiagnosticCode]
    DIAGNOSTIC_CODE_UNDECIDED_RULE: _ClassVar[DiagnosticCode]
    DIAGNOSTIC_CODE_GRANT_NOT_FOUND: _ClassVar[DiagnosticCode]
    DIAGNOSTIC_CODE_GRANT_INACTIVE: _ClassVar[DiagnosticCode]
    DIAGNOSTIC_CODE_GRANT_MISMATCH: _ClassVar[DiagnosticCode]
    DIAGNOSTIC_CODE_TRUNCATED: _ClassVar[DiagnosticCode]
    DIAGNOSTIC_CODE_STALE_POLICIES: _ClassVar[DiagnosticCode]
    DIAGNOSTIC_CODE_NO_VERDICT: _ClassVar[DiagnosticCode]

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_REQUEST: _ClassVar[ErrorReason]
    ERROR_REASON_UNKNOWN_MESSAGE: _ClassVar[ErrorReason]
    ERROR_REASON_REVISION_TOO_OLD: _ClassVar[ErrorReason]
    ERROR_REASON_NO_POLICY: _ClassVar[ErrorReason]
    ERROR_REASON_INTERNAL: _ClassVar[ErrorReason]
    ERROR_REASON_UNAUTHENTICATED: _ClassVar[ErrorReason]
    ERROR_REASON_ACCESS_DENIED: _ClassVar[ErrorReason]
    ERROR_REASON_RATE_LIMITED: _ClassVar[ErrorReason]
    ERROR_REASON_LIMIT_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_STOPPING: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_RECORDED: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_FILTER: _ClassVar[ErrorReason]
    ERROR_REASON_STORE_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_NO_SNAPSHOT: _ClassVar[ErrorReason]
    ERROR_REASON_NO_EVIDENCE: _ClassVar[ErrorReason]
    ERROR_REASON_CONTROL_STORE_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_WRONG_STATE: _ClassVar[ErrorReason]
    ERROR_REASON_INVALID_POLICIES: _ClassVar[ErrorReason]
    ERROR_REASON_CANNOT_SIGN: _ClassVar[ErrorReason]
    ERROR_REASON_OUT_OF_SEQUENCE: _ClassVar[ErrorReason]
    ERROR_REASON_PROVIDER_UNAVAILABLE: _ClassVar[ErrorReason]
EFFECT_UNSPECIFIED: Effect
EFFECT_UNMASK: Effect
EFFECT_MASK: Effect
REASON_KIND_UNSPECIFIED: ReasonKind
REASON_KIND_RULE: ReasonKind
REASON_KIND_DEFAULT: ReasonKind
REASON_KIND_UNKNOWN_FIELD: ReasonKind
REASON_KIND_FAILURE_RULE: ReasonKind
DIAGNOSTIC_CODE_UNSPECIFIED: DiagnosticCode
DIAGNOSTIC_CODE_UNKNOWN_FIELD: DiagnosticCode
DIAGNOSTIC_CODE_UNDECLARED_ATTRIBUTE: DiagnosticCode
DIAGNOSTIC_CODE_UNDECIDED_RULE: DiagnosticCode
DIAGNOSTIC_CODE_GRANT_NOT_FOUND: DiagnosticCode
DIAGNOSTIC_CODE_GRANT_INACTIVE: DiagnosticCode
DIAGNOSTIC_CODE_GRANT_MISMATCH: DiagnosticCode
DIAGNOSTIC_CODE_TRUNCATED: DiagnosticCode
DIAGNOSTIC_CODE_STALE_POLICIES: DiagnosticCode
DIAGNOSTIC_CODE_NO_VERDICT: DiagnosticCode
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_INVALID_REQUEST: ErrorReason
ERROR_REASON_UNKNOWN_MESSAGE: ErrorReason
ERROR_REASON_REVISION_TOO_OLD: ErrorReason
ERROR_REASON_NO_POLICY: ErrorReason
ERROR_REASON_INTERNAL: ErrorReason
ERROR_REASON_UNAUTHENTICATED: ErrorReason
ERROR_REASON_ACCESS_DENIED: ErrorReason
ERROR_REASON_RATE_LIMITED: ErrorReason
ERROR_REASON_LIMIT_EXCEEDED: ErrorReason
ERROR_REASON_STOPPING: ErrorReason
ERROR_REASON_NOT_RECORDED: ErrorReason
ERROR_REASON_INVALID_FILTER: ErrorReason
ERROR_REASON_STORE_UNAVAILABLE: ErrorReason
ERROR_REASON_NO_SNAPSHOT: ErrorReason
ERROR_REASON_NO_EVIDENCE: ErrorReason
ERROR_REASON_CONTROL_STORE_UNAVAILABLE: ErrorReason
ERROR_REASON_CONFLICT: ErrorReason
ERROR_REASON_NOT_FOUND: ErrorReason
ERROR_REASON_WRONG_STATE: ErrorReason
ERROR_REASON_INVALID_POLICIES: ErrorReason
ERROR_REASON_CANNOT_SIGN: ErrorReason
ERROR_REASON_OUT_OF_SEQUENCE: ErrorReason
ERROR_REASON_PROVIDER_UNAVAILABLE: ErrorReason

class StringList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...

class IntList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, values: _Optional[_Iterable[int]] = ...) -> None: ...

class DoubleList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class StringMap(_message.Message):
    __slots__ = ("entries",)
    class EntriesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.ScalarMap[str, str]
    def __init__(self, entries: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ("string_value", "int_value", "double_value", "bool_value", "timestamp_value", "duration_value", "string_list", "int_list", "double_list", "string_map")
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    BOOL_VALUE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_VALUE_FIELD_NUMBER: _ClassVar[int]
    DURATION_VALUE_FIELD_NUMBER: _ClassVar[int]
    STRING_LIST_FIELD_NUMBER: _ClassVar[int]
    INT_LIST_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_LIST_FIELD_NUMBER: _ClassVar[int]
    STRING_MAP_FIELD_NUMBER: _ClassVar[int]
    string_value: str
    int_value: int
    double_value: float
    bool_value: bool
    timestamp_value: _timestamp_pb2.Timestamp
    duration_value: _duration_pb2.Duration
    string_list: StringList
    int_list: IntList
    double_list: DoubleList
    string_map: StringMap
    def __init__(self, string_value: _Optional[str] = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ..., bool_value: _Optional[bool] = ..., timestamp_value: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_value: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., string_list: _Optional[_Union[StringList, _Mapping]] = ..., int_list: _Optional[_Union[IntList, _Mapping]] = ..., double_list: _Optional[_Union[DoubleList, _Mapping]] = ..., string_map: _Optional[_Union[StringMap, _Mapping]] = ...) -> None: ...

class LocalizedText(_message.Message):
    __slots__ = ("zh", "en")
    ZH_FIELD_NUMBER: _ClassVar[int]
    EN_FIELD_NUMBER: _ClassVar[int]
    zh: str
    en: str
    def __init__(self, zh: _Optional[str] = ..., en: _Optional[str] = ...) -> None: ...

class Subject(_message.Message):
    __slots__ = ("id", "roles", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    attributes: _containers.MessageMap[str, Value]
    def __init__(self, id: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., attributes: _Optional[_Mapping[str, Value]] = ...) -> None: ...

class Action(_message.Message):
    __slots__ = ("name", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    attributes: _containers.MessageMap[str, Value]
    def __init__(self, name: _Optional[str] = ..., attributes: _Optional[_Mapping[str, Value]] = ...) -> None: ...

class Resource(_message.Message):
    __slots__ = ("type", "id", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    type: str
    id: str
    attributes: _containers.MessageMap[str, Value]
    def __init__(self, type: _Optional[str] = ..., id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, Value]] = ...) -> None: ...

class MessageRef(_message.Message):
    __slots__ = ("application", "name", "part")
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    application: str
    name: str
    part: str
    def __init__(self, application: _Optional[str] = ..., name: _Optional[str] = ..., part: _Optional[str] = ...) -> None: ...

class Mask(_message.Message):
    __slots__ = ("name", "algorithm", "parameters")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    algorithm: str
    parameters: _containers.MessageMap[str, Value]
    def __init__(self, name: _Optional[str] = ..., algorithm: _Optional[str] = ..., parameters: _Optional[_Mapping[str, Value]] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("kind", "rule", "title", "grant_id", "undecided")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    UNDECIDED_FIELD_NUMBER: _ClassVar[int]
    kind: ReasonKind
    rule: str
    title: LocalizedText
    grant_id: str
    undecided: bool
    def __init__(self, kind: _Optional[_Union[ReasonKind, str]] = ..., rule: _Optional[str] = ..., title: _Optional[_Union[LocalizedText, _Mapping]] = ..., grant_id: _Optional[str] = ..., undecided: _Optional[bool] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("field", "effect", "mask", "reason")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    field: str
    effect: Effect
    mask: int
    reason: int
    def __init__(self, field: _Optional[str] = ..., effect: _Optional[_Union[Effect, str]] = ..., mask: _Optional[int] = ..., reason: _Optional[int] = ...) -> None: ...

class Obligation(_message.Message):
    __slots__ = ("type", "parameters", "fields", "rule")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    type: str
    parameters: _containers.ScalarMap[str, str]
    fields: _containers.RepeatedScalarFieldContainer[str]
    rule: str
    def __init__(self, type: _Optional[str] = ..., parameters: _Optional[_Mapping[str, str]] = ..., fields: _Optional[_Iterable[str]] = ..., rule: _Optional[str] = ...) -> None: ...

class Diagnostic(_message.Message):
    __slots__ = ("code", "message", "subject", "attributes")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    code: DiagnosticCode
    message: str
    subject: str
    attributes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, code: _Optional[_Union[DiagnosticCode, str]] = ..., message: _Optional[str] = ..., subject: _Optional[str] = ..., attributes: _Optional[_Iterable[str]] = ...) -> None: ...
