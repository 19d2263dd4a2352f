from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnomalyClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANOMALY_CLASS_UNSPECIFIED: _ClassVar[AnomalyClass]
    ANOMALY_CLASS_NEW_DEVICE: _ClassVar[AnomalyClass]
    ANOMALY_CLASS_NEW_NETWORK: _ClassVar[AnomalyClass]
    ANOMALY_CLASS_ODD_HOUR: _ClassVar[AnomalyClass]
    ANOMALY_CLASS_MANY_FAILURES: _ClassVar[AnomalyClass]
    ANOMALY_CLASS_IMPOSSIBLE_TRAVEL: _ClassVar[AnomalyClass]
    ANOMALY_CLASS_UNUSED_ACCOUNT: _ClassVar[AnomalyClass]
    ANOMALY_CLASS_EMERGENCY_PUBLICATION: _ClassVar[AnomalyClass]

class AnomalySeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANOMALY_SEVERITY_UNSPECIFIED: _ClassVar[AnomalySeverity]
    ANOMALY_SEVERITY_LOW: _ClassVar[AnomalySeverity]
    ANOMALY_SEVERITY_MEDIUM: _ClassVar[AnomalySeverity]
    ANOMALY_SEVERITY_HIGH: _ClassVar[AnomalySeverity]

class AnomalyAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANOMALY_ACTION_UNSPECIFIED: _ClassVar[AnomalyAction]
    ANOMALY_ACTION_RECORD: _ClassVar[AnomalyAction]
    ANOMALY_ACTION_FLAG: _ClassVar[AnomalyAction]
    ANOMALY_ACTION_LOCK: _ClassVar[AnomalyAction]

class AnomalyState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANOMALY_STATE_UNSPECIFIED: _ClassVar[AnomalyState]
    ANOMALY_STATE_OPEN: _ClassVar[AnomalyState]
    ANOMALY_STATE_LEGITIMATE: _ClassVar[AnomalyState]
    ANOMALY_STATE_COMPROMISED: _ClassVar[AnomalyState]
ANOMALY_CLASS_UNSPECIFIED: AnomalyClass
ANOMALY_CLASS_NEW_DEVICE: AnomalyClass
ANOMALY_CLASS_NEW_NETWORK: AnomalyClass
ANOMALY_CLASS_ODD_HOUR: AnomalyClass
ANOMALY_CLASS_MANY_FAILURES: AnomalyClass
ANOMALY_CLASS_IMPOSSIBLE_TRAVEL: AnomalyClass
ANOMALY_CLASS_UNUSED_ACCOUNT: AnomalyClass
ANOMALY_CLASS_EMERGENCY_PUBLICATION: AnomalyClass
ANOMALY_SEVERITY_UNSPECIFIED: AnomalySeverity
ANOMALY_SEVERITY_LOW: AnomalySeverity
ANOMALY_SEVERITY_MEDIUM: AnomalySeverity
ANOMALY_SEVERITY_HIGH: AnomalySeverity
ANOMALY_ACTION_UNSPECIFIED: AnomalyAction
ANOMALY_ACTION_RECORD: AnomalyAction
ANOMALY_ACTION_FLAG: AnomalyAction
ANOMALY_ACTION_LOCK: AnomalyAction
ANOMALY_STATE_UNSPECIFIED: AnomalyState
ANOMALY_STATE_OPEN: AnomalyState
ANOMALY_STATE_LEGITIMATE: AnomalyState
ANOMALY_STATE_COMPROMISED: AnomalyState

class Anomaly(_message.Message):
    __slots__ = ("id", "kind", "severity", "action", "state", "account", "address", "count", "first_nanos", "last_nanos", "details", "reviewer", "reviewed_nanos", "note")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_NANOS_FIELD_NUMBER: _ClassVar[int]
    LAST_NANOS_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    REVIEWED_NANOS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: AnomalyClass
    severity: AnomalySeverity
    action: AnomalyAction
    state: AnomalyState
    account: str
    address: str
    count: int
    first_nanos: int
    last_nanos: int
    details: _containers.ScalarMap[str, str]
    reviewer: str
    reviewed_nanos: int
    note: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[AnomalyClass, str]] = ..., severity: _Optional[_Union[AnomalySeverity, str]] = ..., action: _Optional[_Union[AnomalyAction, str]] = ..., state: _Optional[_Union[AnomalyState, str]] = ..., account: _Optional[str] = ..., address: _Optional[str] = ..., count: _Optional[int] = ..., first_nanos: _Optional[int] = ..., last_nanos: _Optional[int] = ..., details: _Optional[_Mapping[str, str]] = ..., reviewer: _Optional[str] = ..., reviewed_nanos: _Optional[int] = ..., note: _Optional[str] = ...) -> None: ...

class OpenAnomaly(_message.Message):
    __slots__ = ("kind", "id", "device_hash", "device_name")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_HASH_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    kind: AnomalyClass
    id: str
    device_hash: bytes
    device_name: str
    def __init__(self, kind: _Optional[_Union[AnomalyClass, str]] = ..., id: _Optional[str] = ..., device_hash: _Optional[bytes] = ..., device_name: _Optional[str] = ...) -> None: ...
