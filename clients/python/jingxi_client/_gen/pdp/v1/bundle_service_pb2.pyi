from jingxi_client._gen.pdp.v1 import decision_service_pb2 as _decision_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchBundleRequest(_message.Message):
    __slots__ = ("known_revision", "known_hash", "once")
    KNOWN_REVISION_FIELD_NUMBER: _ClassVar[int]
    KNOWN_HASH_FIELD_NUMBER: _ClassVar[int]
    ONCE_FIELD_NUMBER: _ClassVar[int]
    known_revision: int
    known_hash: str
    once: bool
    def __init__(self, known_revision: _Optional[int] = ..., known_hash: _Optional[str] = ..., once: _Optional[bool] = ...) -> None: ...

class BundleHeader(_message.Message):
    __slots__ = ("revision", "hash", "key_id", "signature", "size")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    revision: int
    hash: str
    key_id: str
    signature: bytes
    size: int
    def __init__(self, revision: _Optional[int] = ..., hash: _Optional[str] = ..., key_id: _Optional[str] = ..., signature: _Optional[bytes] = ..., size: _Optional[int] = ...) -> None: ...

class BundleCurrent(_message.Message):
    __slots__ = ("revision", "hash", "stale_seconds")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    STALE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    hash: str
    stale_seconds: int
    def __init__(self, revision: _Optional[int] = ..., hash: _Optional[str] = ..., stale_seconds: _Optional[int] = ...) -> None: ...

class WatchBundleResponse(_message.Message):
    __slots__ = ("header", "chunk", "current")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    header: BundleHeader
    chunk: bytes
    current: BundleCurrent
    def __init__(self, header: _Optional[_Union[BundleHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., current: _Optional[_Union[BundleCurrent, _Mapping]] = ...) -> None: ...

class OfflineDecision(_message.Message):
    __slots__ = ("sequence", "time_nanos", "request", "response")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time_nanos: int
    request: _decision_service_pb2.DecideRequest
    response: _decision_service_pb2.DecideResponse
    def __init__(self, sequence: _Optional[int] = ..., time_nanos: _Optional[int] = ..., request: _Optional[_Union[_decision_service_pb2.DecideRequest, _Mapping]] = ..., response: _Optional[_Union[_decision_service_pb2.DecideResponse, _Mapping]] = ...) -> None: ...

class ReportDecisionsRequest(_message.Message):
    __slots__ = ("client_id", "decisions")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    client_id: str
    decisions: _containers.RepeatedCompositeFieldContainer[OfflineDecision]
    def __init__(self, client_id: _Optional[str] = ..., decisions: _Optional[_Iterable[_Union[OfflineDecision, _Mapping]]] = ...) -> None: ...

class ReportDecisionsResponse(_message.Message):
    __slots__ = ("recorded_through",)
    RECORDED_THROUGH_FIELD_NUMBER: _ClassVar[int]
    recorded_through: int
    def __init__(self, recorded_through: _Optional[int] = ...) -> None: ...
