from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CallerChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALLER_CHANGE_KIND_UNSPECIFIED: _ClassVar[CallerChangeKind]
    CALLER_CHANGE_KIND_CREATE: _ClassVar[CallerChangeKind]
    CALLER_CHANGE_KIND_UPDATE: _ClassVar[CallerChangeKind]
    CALLER_CHANGE_KIND_ENABLE: _ClassVar[CallerChangeKind]
    CALLER_CHANGE_KIND_ADD_TOKEN: _ClassVar[CallerChangeKind]

class CallerChangeState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALLER_CHANGE_STATE_UNSPECIFIED: _ClassVar[CallerChangeState]
    CALLER_CHANGE_STATE_WAITING: _ClassVar[CallerChangeState]
    CALLER_CHANGE_STATE_DONE: _ClassVar[CallerChangeState]
    CALLER_CHANGE_STATE_REFUSED: _ClassVar[CallerChangeState]
CALLER_CHANGE_KIND_UNSPECIFIED: CallerChangeKind
CALLER_CHANGE_KIND_CREATE: CallerChangeKind
CALLER_CHANGE_KIND_UPDATE: CallerChangeKind
CALLER_CHANGE_KIND_ENABLE: CallerChangeKind
CALLER_CHANGE_KIND_ADD_TOKEN: CallerChangeKind
CALLER_CHANGE_STATE_UNSPECIFIED: CallerChangeState
CALLER_CHANGE_STATE_WAITING: CallerChangeState
CALLER_CHANGE_STATE_DONE: CallerChangeState
CALLER_CHANGE_STATE_REFUSED: CallerChangeState

class CallerToken(_message.Message):
    __slots__ = ("id", "sha256", "created_nanos", "expires_nanos", "created_by", "last_used_nanos")
    ID_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CREATED_NANOS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_NANOS_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_NANOS_FIELD_NUMBER: _ClassVar[int]
    id: str
    sha256: bytes
    created_nanos: int
    expires_nanos: int
    created_by: str
    last_used_nanos: int
    def __init__(self, id: _Optional[str] = ..., sha256: _Optional[bytes] = ..., created_nanos: _Optional[int] = ..., expires_nanos: _Optional[int] = ..., created_by: _Optional[str] = ..., last_used_nanos: _Optional[int] = ...) -> None: ...

class CallerRate(_message.Message):
    __slots__ = ("per_second", "burst")
    PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BURST_FIELD_NUMBER: _ClassVar[int]
    per_second: int
    burst: int
    def __init__(self, per_second: _Optional[int] = ..., burst: _Optional[int] = ...) -> None: ...

class Caller(_message.Message):
    __slots__ = ("name", "owner", "description", "certificates", "tokens", "applications", "subjects", "calls", "grants", "consent_key", "rate", "bundles", "reports", "disabled", "disabled_reason", "version", "created_nanos", "created_by", "changed_nanos", "changed_by")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    APPLICATIONS_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    CONSENT_KEY_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    BUNDLES_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    DISABLED_REASON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CHANGED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_BY_FIELD_NUMBER: _ClassVar[int]
    name: str
    owner: str
    description: str
    certificates: _containers.RepeatedScalarFieldContainer[str]
    tokens: _containers.RepeatedCompositeFieldContainer[CallerToken]
    applications: _containers.RepeatedScalarFieldContainer[str]
    subjects: _containers.RepeatedScalarFieldContainer[str]
    calls: _containers.RepeatedScalarFieldContainer[str]
    grants: _containers.RepeatedScalarFieldContainer[str]
    consent_key: str
    rate: CallerRate
    bundles: bool
    reports: bool
    disabled: bool
    disabled_reason: str
    version: int
    created_nanos: int
    created_by: str
    changed_nanos: int
    changed_by: str
    def __init__(self, name: _Optional[str] = ..., owner: _Optional[str] = ..., description: _Optional[str] = ..., certificates: _Optional[_Iterable[str]] = ..., tokens: _Optional[_Iterable[_Union[CallerToken, _Mapping]]] = ..., applications: _Optional[_Iterable[str]] = ..., subjects: _Optional[_Iterable[str]] = ..., calls: _Optional[_Iterable[str]] = ..., grants: _Optional[_Iterable[str]] = ..., consent_key: _Optional[str] = ..., rate: _Optional[_Union[CallerRate, _Mapping]] = ..., bundles: _Optional[bool] = ..., reports: _Optional[bool] = ..., disabled: _Optional[bool] = ..., disabled_reason: _Optional[str] = ..., version: _Optional[int] = ..., created_nanos: _Optional[int] = ..., created_by: _Optional[str] = ..., changed_nanos: _Optional[int] = ..., changed_by: _Optional[str] = ...) -> None: ...

class CallerStep(_message.Message):
    __slots__ = ("state", "actor", "time_nanos", "reason", "content_hash")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    state: CallerChangeState
    actor: str
    time_nanos: int
    reason: str
    content_hash: bytes
    def __init__(self, state: _Optional[_Union[CallerChangeState, str]] = ..., actor: _Optional[str] = ..., time_nanos: _Optional[int] = ..., reason: _Optional[str] = ..., content_hash: _Optional[bytes] = ...) -> None: ...

class CallerChange(_message.Message):
    __slots__ = ("id", "kind", "wanted", "state", "base_version", "widens", "steps")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    BASE_VERSION_FIELD_NUMBER: _ClassVar[int]
    WIDENS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: CallerChangeKind
    wanted: Caller
    state: CallerChangeState
    base_version: int
    widens: _containers.RepeatedScalarFieldContainer[str]
    steps: _containers.RepeatedCompositeFieldContainer[CallerStep]
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[CallerChangeKind, str]] = ..., wanted: _Optional[_Union[Caller, _Mapping]] = ..., state: _Optional[_Union[CallerChangeState, str]] = ..., base_version: _Optional[int] = ..., widens: _Optional[_Iterable[str]] = ..., steps: _Optional[_Iterable[_Union[CallerStep, _Mapping]]] = ...) -> None: ...

class CallerSet(_message.Message):
    __slots__ = ("callers",)
    CALLERS_FIELD_NUMBER: _ClassVar[int]
    callers: _containers.RepeatedCompositeFieldContainer[Caller]
    def __init__(self, callers: _Optional[_Iterable[_Union[Caller, _Mapping]]] = ...) -> None: ...
