from pdp.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StepKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_KIND_UNSPECIFIED: _ClassVar[StepKind]
    STEP_KIND_SAVED: _ClassVar[StepKind]
    STEP_KIND_SUBMITTED: _ClassVar[StepKind]
    STEP_KIND_RETURNED: _ClassVar[StepKind]
    STEP_KIND_APPROVED: _ClassVar[StepKind]
    STEP_KIND_PUBLISHED: _ClassVar[StepKind]
    STEP_KIND_ROLLED_BACK: _ClassVar[StepKind]
    STEP_KIND_PROMOTED: _ClassVar[StepKind]
    STEP_KIND_STOPPED: _ClassVar[StepKind]

class DraftState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRAFT_STATE_UNSPECIFIED: _ClassVar[DraftState]
    DRAFT_STATE_OPEN: _ClassVar[DraftState]
    DRAFT_STATE_SUBMITTED: _ClassVar[DraftState]

class RolloutState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLLOUT_STATE_UNSPECIFIED: _ClassVar[RolloutState]
    ROLLOUT_STATE_RUNNING: _ClassVar[RolloutState]
    ROLLOUT_STATE_PROMOTED: _ClassVar[RolloutState]
    ROLLOUT_STATE_STOPPED: _ClassVar[RolloutState]

class ChangeSubject(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_SUBJECT_UNSPECIFIED: _ClassVar[ChangeSubject]
    CHANGE_SUBJECT_RULE: _ClassVar[ChangeSubject]
    CHANGE_SUBJECT_POLICY: _ClassVar[ChangeSubject]
    CHANGE_SUBJECT_FIELD: _ClassVar[ChangeSubject]
    CHANGE_SUBJECT_ATTRIBUTE: _ClassVar[ChangeSubject]
    CHANGE_SUBJECT_MASK: _ClassVar[ChangeSubject]
    CHANGE_SUBJECT_MESSAGE_MAP: _ClassVar[ChangeSubject]
    CHANGE_SUBJECT_GOLDEN_CASE: _ClassVar[ChangeSubject]
    CHANGE_SUBJECT_FAILURE_RULE: _ClassVar[ChangeSubject]

class ChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_KIND_UNSPECIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_ADDED: _ClassVar[ChangeKind]
    CHANGE_KIND_REMOVED: _ClassVar[ChangeKind]
    CHANGE_KIND_CHANGED: _ClassVar[ChangeKind]
STEP_KIND_UNSPECIFIED: StepKind
STEP_KIND_SAVED: StepKind
STEP_KIND_SUBMITTED: StepKind
STEP_KIND_RETURNED: StepKind
STEP_KIND_APPROVED: StepKind
STEP_KIND_PUBLISHED: StepKind
STEP_KIND_ROLLED_BACK: StepKind
STEP_KIND_PROMOTED: StepKind
STEP_KIND_STOPPED: StepKind
DRAFT_STATE_UNSPECIFIED: DraftState
DRAFT_STATE_OPEN: DraftState
DRAFT_STATE_SUBMITTED: DraftState
ROLLOUT_STATE_UNSPECIFIED: RolloutState
ROLLOUT_STATE_RUNNING: RolloutState
ROLLOUT_STATE_PROMOTED: RolloutState
ROLLOUT_STATE_STOPPED: RolloutState
CHANGE_SUBJECT_UNSPECIFIED: ChangeSubject
CHANGE_SUBJECT_RULE: ChangeSubject
CHANGE_SUBJECT_POLICY: ChangeSubject
CHANGE_SUBJECT_FIELD: ChangeSubject
CHANGE_SUBJECT_ATTRIBUTE: ChangeSubject
CHANGE_SUBJECT_MASK: ChangeSubject
CHANGE_SUBJECT_MESSAGE_MAP: ChangeSubject
CHANGE_SUBJECT_GOLDEN_CASE: ChangeSubject
CHANGE_SUBJECT_FAILURE_RULE: ChangeSubject
CHANGE_KIND_UNSPECIFIED: ChangeKind
CHANGE_KIND_ADDED: ChangeKind
CHANGE_KIND_REMOVED: ChangeKind
CHANGE_KIND_CHANGED: ChangeKind

class Step(_message.Message):
    __slots__ = ("kind", "actor", "time_nanos", "reason", "sources", "changes", "base")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    kind: StepKind
    actor: str
    time_nanos: int
    reason: str
    sources: str
    changes: str
    base: int
    def __init__(self, kind: _Optional[_Union[StepKind, str]] = ..., actor: _Optional[str] = ..., time_nanos: _Optional[int] = ..., reason: _Optional[str] = ..., sources: _Optional[str] = ..., changes: _Optional[str] = ..., base: _Optional[int] = ...) -> None: ...

class PolicyFile(_message.Message):
    __slots__ = ("path", "text")
    PATH_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    path: str
    text: str
    def __init__(self, path: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Sources(_message.Message):
    __slots__ = ("files",)
    FILES_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[PolicyFile]
    def __init__(self, files: _Optional[_Iterable[_Union[PolicyFile, _Mapping]]] = ...) -> None: ...

class Draft(_message.Message):
    __slots__ = ("name", "state", "base", "sources", "version", "steps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: DraftState
    base: int
    sources: str
    version: int
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[DraftState, str]] = ..., base: _Optional[int] = ..., sources: _Optional[str] = ..., version: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class Revision(_message.Message):
    __slots__ = ("number", "bundle_hash", "key_id", "signature", "sources", "previous", "rollback_of", "draft", "steps")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_HASH_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    ROLLBACK_OF_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    number: int
    bundle_hash: str
    key_id: str
    signature: bytes
    sources: str
    previous: int
    rollback_of: int
    draft: str
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, number: _Optional[int] = ..., bundle_hash: _Optional[str] = ..., key_id: _Optional[str] = ..., signature: _Optional[bytes] = ..., sources: _Optional[str] = ..., previous: _Optional[int] = ..., rollback_of: _Optional[int] = ..., draft: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class Head(_message.Message):
    __slots__ = ("revision", "bundle_hash", "since_nanos")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_HASH_FIELD_NUMBER: _ClassVar[int]
    SINCE_NANOS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    bundle_hash: str
    since_nanos: int
    def __init__(self, revision: _Optional[int] = ..., bundle_hash: _Optional[str] = ..., since_nanos: _Optional[int] = ...) -> None: ...

class Rollout(_message.Message):
    __slots__ = ("revision", "bundle_hash", "fallback", "fallback_hash", "labels", "sample", "max_difference", "min_compared", "state", "stopped_because", "steps")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REVISION_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_HASH_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_HASH_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    MAX_DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    MIN_COMPARED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STOPPED_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    bundle_hash: str
    fallback: int
    fallback_hash: str
    labels: _containers.ScalarMap[str, str]
    sample: float
    max_difference: float
    min_compared: int
    state: RolloutState
    stopped_because: str
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, revision: _Optional[int] = ..., bundle_hash: _Optional[str] = ..., fallback: _Optional[int] = ..., fallback_hash: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., sample: _Optional[float] = ..., max_difference: _Optional[float] = ..., min_compared: _Optional[int] = ..., state: _Optional[_Union[RolloutState, str]] = ..., stopped_because: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class ShadowCount(_message.Message):
    __slots__ = ("revision", "compared", "differing", "failed")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    DIFFERING_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    revision: int
    compared: int
    differing: int
    failed: int
    def __init__(self, revision: _Optional[int] = ..., compared: _Optional[int] = ..., differing: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class NodeLoad(_message.Message):
    __slots__ = ("decisions_per_second", "cpu_cores", "rss_bytes", "spooled")
    DECISIONS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    CPU_CORES_FIELD_NUMBER: _ClassVar[int]
    RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    SPOOLED_FIELD_NUMBER: _ClassVar[int]
    decisions_per_second: float
    cpu_cores: float
    rss_bytes: int
    spooled: int
    def __init__(self, decisions_per_second: _Optional[float] = ..., cpu_cores: _Optional[float] = ..., rss_bytes: _Optional[int] = ..., spooled: _Optional[int] = ...) -> None: ...

class NodeStatus(_message.Message):
    __slots__ = ("node", "boot", "address", "labels", "version", "started_nanos", "told_nanos", "revision", "bundle_hash", "refused_revision", "refused_code", "refused_error", "load", "shadows", "draining", "grant_revision")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NODE_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_NANOS_FIELD_NUMBER: _ClassVar[int]
    TOLD_NANOS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_HASH_FIELD_NUMBER: _ClassVar[int]
    REFUSED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REFUSED_CODE_FIELD_NUMBER: _ClassVar[int]
    REFUSED_ERROR_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    SHADOWS_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    GRANT_REVISION_FIELD_NUMBER: _ClassVar[int]
    node: str
    boot: str
    address: str
    labels: _containers.ScalarMap[str, str]
    version: str
    started_nanos: int
    told_nanos: int
    revision: int
    bundle_hash: str
    refused_revision: int
    refused_code: str
    refused_error: str
    load: NodeLoad
    shadows: _containers.RepeatedCompositeFieldContainer[ShadowCount]
    draining: bool
    grant_revision: int
    def __init__(self, node: _Optional[str] = ..., boot: _Optional[str] = ..., address: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., version: _Optional[str] = ..., started_nanos: _Optional[int] = ..., told_nanos: _Optional[int] = ..., revision: _Optional[int] = ..., bundle_hash: _Optional[str] = ..., refused_revision: _Optional[int] = ..., refused_code: _Optional[str] = ..., refused_error: _Optional[str] = ..., load: _Optional[_Union[NodeLoad, _Mapping]] = ..., shadows: _Optional[_Iterable[_Union[ShadowCount, _Mapping]]] = ..., draining: _Optional[bool] = ..., grant_revision: _Optional[int] = ...) -> None: ...

class ChangedPart(_message.Message):
    __slots__ = ("part", "before", "after")
    PART_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    part: str
    before: _types_pb2.LocalizedText
    after: _types_pb2.LocalizedText
    def __init__(self, part: _Optional[str] = ..., before: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., after: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ...) -> None: ...

class MeaningChange(_message.Message):
    __slots__ = ("subject", "id", "kind", "title", "parts", "fields", "who", "may_unmask")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    MAY_UNMASK_FIELD_NUMBER: _ClassVar[int]
    subject: ChangeSubject
    id: str
    kind: ChangeKind
    title: _types_pb2.LocalizedText
    parts: _containers.RepeatedCompositeFieldContainer[ChangedPart]
    fields: _containers.RepeatedScalarFieldContainer[str]
    who: _types_pb2.LocalizedText
    may_unmask: bool
    def __init__(self, subject: _Optional[_Union[ChangeSubject, str]] = ..., id: _Optional[str] = ..., kind: _Optional[_Union[ChangeKind, str]] = ..., title: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., parts: _Optional[_Iterable[_Union[ChangedPart, _Mapping]]] = ..., fields: _Optional[_Iterable[str]] = ..., who: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., may_unmask: _Optional[bool] = ...) -> None: ...

class FileDiff(_message.Message):
    __slots__ = ("path", "kind", "diff", "added", "removed")
    PATH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DIFF_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    path: str
    kind: ChangeKind
    diff: str
    added: int
    removed: int
    def __init__(self, path: _Optional[str] = ..., kind: _Optional[_Union[ChangeKind, str]] = ..., diff: _Optional[str] = ..., added: _Optional[int] = ..., removed: _Optional[int] = ...) -> None: ...

class Changes(_message.Message):
    __slots__ = ("files", "meaning", "incomplete")
    FILES_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[FileDiff]
    meaning: _containers.RepeatedCompositeFieldContainer[MeaningChange]
    incomplete: str
    def __init__(self, files: _Optional[_Iterable[_Union[FileDiff, _Mapping]]] = ..., meaning: _Optional[_Iterable[_Union[MeaningChange, _Mapping]]] = ..., incomplete: _Optional[str] = ...) -> None: ...

class ReportIntent(_message.Message):
    __slots__ = ("through", "node", "boot", "record_id", "time_nanos")
    THROUGH_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    through: int
    node: str
    boot: str
    record_id: str
    time_nanos: int
    def __init__(self, through: _Optional[int] = ..., node: _Optional[str] = ..., boot: _Optional[str] = ..., record_id: _Optional[str] = ..., time_nanos: _Optional[int] = ...) -> None: ...

class ReportMark(_message.Message):
    __slots__ = ("recorded_through", "caller", "time_nanos", "intent", "doubts")
    RECORDED_THROUGH_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    DOUBTS_FIELD_NUMBER: _ClassVar[int]
    recorded_through: int
    caller: str
    time_nanos: int
    intent: ReportIntent
    doubts: _containers.RepeatedCompositeFieldContainer[ReportIntent]
    def __init__(self, recorded_through: _Optional[int] = ..., caller: _Optional[str] = ..., time_nanos: _Optional[int] = ..., intent: _Optional[_Union[ReportIntent, _Mapping]] = ..., doubts: _Optional[_Iterable[_Union[ReportIntent, _Mapping]]] = ...) -> None: ...
