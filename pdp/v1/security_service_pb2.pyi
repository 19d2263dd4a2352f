from pdp.v1 import anomaly_pb2 as _anomaly_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListAnomaliesRequest(_message.Message):
    __slots__ = ("state", "kind", "account", "page_size", "page_token")
    STATE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    state: _anomaly_pb2.AnomalyState
    kind: _anomaly_pb2.AnomalyClass
    account: str
    page_size: int
    page_token: str
    def __init__(self, state: _Optional[_Union[_anomaly_pb2.AnomalyState, str]] = ..., kind: _Optional[_Union[_anomaly_pb2.AnomalyClass, str]] = ..., account: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAnomaliesResponse(_message.Message):
    __slots__ = ("anomalies", "next_page_token")
    ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    anomalies: _containers.RepeatedCompositeFieldContainer[_anomaly_pb2.Anomaly]
    next_page_token: str
    def __init__(self, anomalies: _Optional[_Iterable[_Union[_anomaly_pb2.Anomaly, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReviewAnomalyRequest(_message.Message):
    __slots__ = ("id", "verdict", "note")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    id: str
    verdict: _anomaly_pb2.AnomalyState
    note: str
    def __init__(self, id: _Optional[str] = ..., verdict: _Optional[_Union[_anomaly_pb2.AnomalyState, str]] = ..., note: _Optional[str] = ...) -> None: ...

class ReviewAnomalyResponse(_message.Message):
    __slots__ = ("anomaly",)
    ANOMALY_FIELD_NUMBER: _ClassVar[int]
    anomaly: _anomaly_pb2.Anomaly
    def __init__(self, anomaly: _Optional[_Union[_anomaly_pb2.Anomaly, _Mapping]] = ...) -> None: ...
