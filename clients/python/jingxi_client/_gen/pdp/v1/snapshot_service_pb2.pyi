import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from jingxi_client._gen.pdp.v1 import bundle_pb2 as _bundle_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as _decision_service_pb2
from jingxi_client._gen.pdp.v1 import snapshot_pb2 as _snapshot_pb2
from jingxi_client._gen.pdp.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_CSV: _ClassVar[ExportFormat]
    EXPORT_FORMAT_JSON_LINES: _ClassVar[ExportFormat]
    EXPORT_FORMAT_XLSX: _ClassVar[ExportFormat]
    EXPORT_FORMAT_EVIDENCE: _ClassVar[ExportFormat]
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_CSV: ExportFormat
EXPORT_FORMAT_JSON_LINES: ExportFormat
EXPORT_FORMAT_XLSX: ExportFormat
EXPORT_FORMAT_EVIDENCE: ExportFormat

class SnapshotEntry(_message.Message):
    __slots__ = ("stream", "sequence", "record", "repeats")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    REPEATS_FIELD_NUMBER: _ClassVar[int]
    stream: _snapshot_pb2.Stream
    sequence: int
    record: _snapshot_pb2.Record
    repeats: str
    def __init__(self, stream: _Optional[_Union[_snapshot_pb2.Stream, _Mapping]] = ..., sequence: _Optional[int] = ..., record: _Optional[_Union[_snapshot_pb2.Record, _Mapping]] = ..., repeats: _Optional[str] = ...) -> None: ...

class ListSnapshotsRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token", "oldest_first", "exact_count")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    EXACT_COUNT_FIELD_NUMBER: _ClassVar[int]
    filter: str
    page_size: int
    page_token: str
    oldest_first: bool
    exact_count: bool
    def __init__(self, filter: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., oldest_first: _Optional[bool] = ..., exact_count: _Optional[bool] = ...) -> None: ...

class ListSnapshotsResponse(_message.Message):
    __slots__ = ("entries", "next_page_token", "total_size", "exact")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[SnapshotEntry]
    next_page_token: str
    total_size: int
    exact: bool
    def __init__(self, entries: _Optional[_Iterable[_Union[SnapshotEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ..., exact: _Optional[bool] = ...) -> None: ...

class GetSnapshotRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetSnapshotResponse(_message.Message):
    __slots__ = ("entry", "rules", "sentences", "rule_texts", "insufficient", "chain", "checkpoint")
    class SentencesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _types_pb2.LocalizedText
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ...) -> None: ...
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    SENTENCES_FIELD_NUMBER: _ClassVar[int]
    RULE_TEXTS_FIELD_NUMBER: _ClassVar[int]
    INSUFFICIENT_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    entry: SnapshotEntry
    rules: _containers.RepeatedCompositeFieldContainer[_decision_service_pb2.RuleTrace]
    sentences: _containers.MessageMap[str, _types_pb2.LocalizedText]
    rule_texts: _containers.RepeatedCompositeFieldContainer[_bundle_pb2.Rule]
    insufficient: _containers.RepeatedScalarFieldContainer[str]
    chain: bytes
    checkpoint: int
    def __init__(self, entry: _Optional[_Union[SnapshotEntry, _Mapping]] = ..., rules: _Optional[_Iterable[_Union[_decision_service_pb2.RuleTrace, _Mapping]]] = ..., sentences: _Optional[_Mapping[str, _types_pb2.LocalizedText]] = ..., rule_texts: _Optional[_Iterable[_Union[_bundle_pb2.Rule, _Mapping]]] = ..., insufficient: _Optional[_Iterable[str]] = ..., chain: _Optional[bytes] = ..., checkpoint: _Optional[int] = ...) -> None: ...

class WatchSnapshotsRequest(_message.Message):
    __slots__ = ("filter", "resume_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: str
    resume_token: str
    def __init__(self, filter: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class WatchSnapshotsResponse(_message.Message):
    __slots__ = ("entry", "resume_token")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entry: SnapshotEntry
    resume_token: str
    def __init__(self, entry: _Optional[_Union[SnapshotEntry, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class ExportSnapshotsRequest(_message.Message):
    __slots__ = ("filter", "format", "reason", "language")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    filter: str
    format: ExportFormat
    reason: str
    language: str
    def __init__(self, filter: _Optional[str] = ..., format: _Optional[_Union[ExportFormat, str]] = ..., reason: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class ExportSnapshotsResponse(_message.Message):
    __slots__ = ("data", "records", "expected")
    DATA_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    records: int
    expected: int
    def __init__(self, data: _Optional[bytes] = ..., records: _Optional[int] = ..., expected: _Optional[int] = ...) -> None: ...

class GetSnapshotStatsRequest(_message.Message):
    __slots__ = ("filter", "to", "group_by", "limit")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    filter: str
    to: _timestamp_pb2.Timestamp
    group_by: str
    limit: int
    def __init__(self, filter: _Optional[str] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., group_by: _Optional[str] = ..., limit: _Optional[int] = ..., **kwargs) -> None: ...

class SnapshotGroup(_message.Message):
    __slots__ = ("key", "count", "flagged")
    KEY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FLAGGED_FIELD_NUMBER: _ClassVar[int]
    key: str
    count: int
    flagged: int
    def __init__(self, key: _Optional[str] = ..., count: _Optional[int] = ..., flagged: _Optional[int] = ...) -> None: ...

class GetSnapshotStatsResponse(_message.Message):
    __slots__ = ("total", "flagged", "groups")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    FLAGGED_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    total: int
    flagged: int
    groups: _containers.RepeatedCompositeFieldContainer[SnapshotGroup]
    def __init__(self, total: _Optional[int] = ..., flagged: _Optional[int] = ..., groups: _Optional[_Iterable[_Union[SnapshotGroup, _Mapping]]] = ...) -> None: ...

class ProveSnapshotRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ProveSnapshotResponse(_message.Message):
    __slots__ = ("proof",)
    PROOF_FIELD_NUMBER: _ClassVar[int]
    proof: _snapshot_pb2.InclusionProof
    def __init__(self, proof: _Optional[_Union[_snapshot_pb2.InclusionProof, _Mapping]] = ...) -> None: ...
