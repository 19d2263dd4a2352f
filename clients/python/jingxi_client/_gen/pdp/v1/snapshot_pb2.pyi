from jingxi_client._gen.pdp.v1 import decision_service_pb2 as _decision_service_pb2
from jingxi_client._gen.pdp.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SnapshotSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SNAPSHOT_SOURCE_UNSPECIFIED: _ClassVar[SnapshotSource]
    SNAPSHOT_SOURCE_DECIDE: _ClassVar[SnapshotSource]
    SNAPSHOT_SOURCE_BATCH: _ClassVar[SnapshotSource]
    SNAPSHOT_SOURCE_STREAM: _ClassVar[SnapshotSource]
    SNAPSHOT_SOURCE_EXPLAIN: _ClassVar[SnapshotSource]
    SNAPSHOT_SOURCE_OFFLINE: _ClassVar[SnapshotSource]
    SNAPSHOT_SOURCE_FALLBACK: _ClassVar[SnapshotSource]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_LOW: _ClassVar[Severity]
    SEVERITY_MEDIUM: _ClassVar[Severity]
    SEVERITY_HIGH: _ClassVar[Severity]
SNAPSHOT_SOURCE_UNSPECIFIED: SnapshotSource
SNAPSHOT_SOURCE_DECIDE: SnapshotSource
SNAPSHOT_SOURCE_BATCH: SnapshotSource
SNAPSHOT_SOURCE_STREAM: SnapshotSource
SNAPSHOT_SOURCE_EXPLAIN: SnapshotSource
SNAPSHOT_SOURCE_OFFLINE: SnapshotSource
SNAPSHOT_SOURCE_FALLBACK: SnapshotSource
SEVERITY_UNSPECIFIED: Severity
SEVERITY_LOW: Severity
SEVERITY_MEDIUM: Severity
SEVERITY_HIGH: Severity

class Bucket(_message.Message):
    __slots__ = ("exactly", "above", "below")
    EXACTLY_FIELD_NUMBER: _ClassVar[int]
    ABOVE_FIELD_NUMBER: _ClassVar[int]
    BELOW_FIELD_NUMBER: _ClassVar[int]
    exactly: _types_pb2.Value
    above: _types_pb2.Value
    below: _types_pb2.Value
    def __init__(self, exactly: _Optional[_Union[_types_pb2.Value, _Mapping]] = ..., above: _Optional[_Union[_types_pb2.Value, _Mapping]] = ..., below: _Optional[_Union[_types_pb2.Value, _Mapping]] = ...) -> None: ...

class RecordedVerdict(_message.Message):
    __slots__ = ("fields", "level", "effect", "mask", "kind", "rule", "grant_id", "undecided")
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    UNDECIDED_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedScalarFieldContainer[str]
    level: str
    effect: _types_pb2.Effect
    mask: str
    kind: _types_pb2.ReasonKind
    rule: str
    grant_id: str
    undecided: bool
    def __init__(self, fields: _Optional[_Iterable[str]] = ..., level: _Optional[str] = ..., effect: _Optional[_Union[_types_pb2.Effect, str]] = ..., mask: _Optional[str] = ..., kind: _Optional[_Union[_types_pb2.ReasonKind, str]] = ..., rule: _Optional[str] = ..., grant_id: _Optional[str] = ..., undecided: _Optional[bool] = ...) -> None: ...

class RecordedGrant(_message.Message):
    __slots__ = ("id", "kind", "approver", "approver_level", "evidence", "scenario", "expires_at_nanos")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    APPROVER_FIELD_NUMBER: _ClassVar[int]
    APPROVER_LEVEL_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_NANOS_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    approver: str
    approver_level: int
    evidence: str
    scenario: str
    expires_at_nanos: int
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., approver: _Optional[str] = ..., approver_level: _Optional[int] = ..., evidence: _Optional[str] = ..., scenario: _Optional[str] = ..., expires_at_nanos: _Optional[int] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("decision_id", "request_id", "revision", "policy_hash", "time_nanos", "caller", "facts", "resource_key", "key_id", "buckets", "hashes", "withheld", "verdicts", "obligations", "severity", "diagnostics", "grants", "source", "latency_micros", "may_repeat")
    class BucketsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Bucket
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Bucket, _Mapping]] = ...) -> None: ...
    class HashesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    POLICY_HASH_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    OBLIGATIONS_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MICROS_FIELD_NUMBER: _ClassVar[int]
    MAY_REPEAT_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    request_id: str
    revision: int
    policy_hash: str
    time_nanos: int
    caller: str
    facts: _decision_service_pb2.DecideRequest
    resource_key: bytes
    key_id: str
    buckets: _containers.MessageMap[str, Bucket]
    hashes: _containers.ScalarMap[str, bytes]
    withheld: _containers.RepeatedScalarFieldContainer[str]
    verdicts: _containers.RepeatedCompositeFieldContainer[RecordedVerdict]
    obligations: _containers.RepeatedCompositeFieldContainer[_types_pb2.Obligation]
    severity: Severity
    diagnostics: _containers.RepeatedCompositeFieldContainer[_types_pb2.Diagnostic]
    grants: _containers.RepeatedCompositeFieldContainer[RecordedGrant]
    source: SnapshotSource
    latency_micros: int
    may_repeat: str
    def __init__(self, decision_id: _Optional[str] = ..., request_id: _Optional[str] = ..., revision: _Optional[int] = ..., policy_hash: _Optional[str] = ..., time_nanos: _Optional[int] = ..., caller: _Optional[str] = ..., facts: _Optional[_Union[_decision_service_pb2.DecideRequest, _Mapping]] = ..., resource_key: _Optional[bytes] = ..., key_id: _Optional[str] = ..., buckets: _Optional[_Mapping[str, Bucket]] = ..., hashes: _Optional[_Mapping[str, bytes]] = ..., withheld: _Optional[_Iterable[str]] = ..., verdicts: _Optional[_Iterable[_Union[RecordedVerdict, _Mapping]]] = ..., obligations: _Optional[_Iterable[_Union[_types_pb2.Obligation, _Mapping]]] = ..., severity: _Optional[_Union[Severity, str]] = ..., diagnostics: _Optional[_Iterable[_Union[_types_pb2.Diagnostic, _Mapping]]] = ..., grants: _Optional[_Iterable[_Union[RecordedGrant, _Mapping]]] = ..., source: _Optional[_Union[SnapshotSource, str]] = ..., latency_micros: _Optional[int] = ..., may_repeat: _Optional[str] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("id", "time_nanos", "actor", "kind", "success", "details", "address")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    id: str
    time_nanos: int
    actor: str
    kind: str
    success: bool
    details: _containers.ScalarMap[str, str]
    address: str
    def __init__(self, id: _Optional[str] = ..., time_nanos: _Optional[int] = ..., actor: _Optional[str] = ..., kind: _Optional[str] = ..., success: _Optional[bool] = ..., details: _Optional[_Mapping[str, str]] = ..., address: _Optional[str] = ...) -> None: ...

class Record(_message.Message):
    __slots__ = ("snapshot", "operation")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    snapshot: Snapshot
    operation: Operation
    def __init__(self, snapshot: _Optional[_Union[Snapshot, _Mapping]] = ..., operation: _Optional[_Union[Operation, _Mapping]] = ...) -> None: ...

class Stream(_message.Message):
    __slots__ = ("node", "boot", "retention", "day")
    NODE_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    node: str
    boot: str
    retention: str
    day: int
    def __init__(self, node: _Optional[str] = ..., boot: _Optional[str] = ..., retention: _Optional[str] = ..., day: _Optional[int] = ...) -> None: ...

class ChainedRecord(_message.Message):
    __slots__ = ("stream", "sequence", "record", "chain")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    stream: Stream
    sequence: int
    record: bytes
    chain: bytes
    def __init__(self, stream: _Optional[_Union[Stream, _Mapping]] = ..., sequence: _Optional[int] = ..., record: _Optional[bytes] = ..., chain: _Optional[bytes] = ...) -> None: ...

class StreamHead(_message.Message):
    __slots__ = ("stream", "count", "chain", "root", "closed")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    stream: Stream
    count: int
    chain: bytes
    root: bytes
    closed: bool
    def __init__(self, stream: _Optional[_Union[Stream, _Mapping]] = ..., count: _Optional[int] = ..., chain: _Optional[bytes] = ..., root: _Optional[bytes] = ..., closed: _Optional[bool] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("node", "number", "time_nanos", "algorithm", "previous", "heads")
    NODE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    node: str
    number: int
    time_nanos: int
    algorithm: str
    previous: bytes
    heads: _containers.RepeatedCompositeFieldContainer[StreamHead]
    def __init__(self, node: _Optional[str] = ..., number: _Optional[int] = ..., time_nanos: _Optional[int] = ..., algorithm: _Optional[str] = ..., previous: _Optional[bytes] = ..., heads: _Optional[_Iterable[_Union[StreamHead, _Mapping]]] = ...) -> None: ...

class SignedCheckpoint(_message.Message):
    __slots__ = ("checkpoint", "key_id", "signature")
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    checkpoint: bytes
    key_id: str
    signature: bytes
    def __init__(self, checkpoint: _Optional[bytes] = ..., key_id: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class InclusionProof(_message.Message):
    __slots__ = ("record", "previous_chain", "path", "checkpoint")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_CHAIN_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    record: ChainedRecord
    previous_chain: bytes
    path: _containers.RepeatedScalarFieldContainer[bytes]
    checkpoint: SignedCheckpoint
    def __init__(self, record: _Optional[_Union[ChainedRecord, _Mapping]] = ..., previous_chain: _Optional[bytes] = ..., path: _Optional[_Iterable[bytes]] = ..., checkpoint: _Optional[_Union[SignedCheckpoint, _Mapping]] = ...) -> None: ...
