import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from jingxi_client._gen.pdp.v1 import bundle_pb2 as _bundle_pb2
from jingxi_client._gen.pdp.v1 import bundle_service_pb2 as _bundle_service_pb2
from jingxi_client._gen.pdp.v1 import control_pb2 as _control_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as _decision_service_pb2
from jingxi_client._gen.pdp.v1 import snapshot_service_pb2 as _snapshot_service_pb2
from jingxi_client._gen.pdp.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProblemSeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROBLEM_SEVERITY_UNSPECIFIED: _ClassVar[ProblemSeverity]
    PROBLEM_SEVERITY_ERROR: _ClassVar[ProblemSeverity]
    PROBLEM_SEVERITY_WARNING: _ClassVar[ProblemSeverity]
    PROBLEM_SEVERITY_NOTE: _ClassVar[ProblemSeverity]
PROBLEM_SEVERITY_UNSPECIFIED: ProblemSeverity
PROBLEM_SEVERITY_ERROR: ProblemSeverity
PROBLEM_SEVERITY_WARNING: ProblemSeverity
PROBLEM_SEVERITY_NOTE: ProblemSeverity

class PolicyText(_message.Message):
    __slots__ = ("revision", "draft", "sources", "hash")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    revision: int
    draft: str
    sources: _control_pb2.Sources
    hash: str
    def __init__(self, revision: _Optional[int] = ..., draft: _Optional[str] = ..., sources: _Optional[_Union[_control_pb2.Sources, _Mapping]] = ..., hash: _Optional[str] = ...) -> None: ...

class Place(_message.Message):
    __slots__ = ("path", "line", "column", "end_line", "end_column")
    PATH_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    END_LINE_FIELD_NUMBER: _ClassVar[int]
    END_COLUMN_FIELD_NUMBER: _ClassVar[int]
    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    def __init__(self, path: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., end_line: _Optional[int] = ..., end_column: _Optional[int] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("severity", "code", "message", "hint", "place", "related", "counterexample")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    RELATED_FIELD_NUMBER: _ClassVar[int]
    COUNTEREXAMPLE_FIELD_NUMBER: _ClassVar[int]
    severity: ProblemSeverity
    code: str
    message: str
    hint: str
    place: Place
    related: _containers.RepeatedCompositeFieldContainer[Place]
    counterexample: Counterexample
    def __init__(self, severity: _Optional[_Union[ProblemSeverity, str]] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ..., place: _Optional[_Union[Place, _Mapping]] = ..., related: _Optional[_Iterable[_Union[Place, _Mapping]]] = ..., counterexample: _Optional[_Union[Counterexample, _Mapping]] = ...) -> None: ...

class Counterexample(_message.Message):
    __slots__ = ("request", "now", "grants")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    request: _decision_service_pb2.DecideRequest
    now: _timestamp_pb2.Timestamp
    grants: _containers.RepeatedCompositeFieldContainer[_bundle_pb2.Grant]
    def __init__(self, request: _Optional[_Union[_decision_service_pb2.DecideRequest, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., grants: _Optional[_Iterable[_Union[_bundle_pb2.Grant, _Mapping]]] = ...) -> None: ...

class CheckPoliciesRequest(_message.Message):
    __slots__ = ("text", "analyse")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ANALYSE_FIELD_NUMBER: _ClassVar[int]
    text: PolicyText
    analyse: bool
    def __init__(self, text: _Optional[_Union[PolicyText, _Mapping]] = ..., analyse: _Optional[bool] = ...) -> None: ...

class CheckPoliciesResponse(_message.Message):
    __slots__ = ("problems", "bundle_hash")
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_HASH_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    bundle_hash: str
    def __init__(self, problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ..., bundle_hash: _Optional[str] = ...) -> None: ...

class AnalysePoliciesRequest(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: PolicyText
    def __init__(self, text: _Optional[_Union[PolicyText, _Mapping]] = ...) -> None: ...

class AnalysePoliciesResponse(_message.Message):
    __slots__ = ("done", "total", "result")
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    done: int
    total: int
    result: CheckPoliciesResponse
    def __init__(self, done: _Optional[int] = ..., total: _Optional[int] = ..., result: _Optional[_Union[CheckPoliciesResponse, _Mapping]] = ...) -> None: ...

class ListDraftsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDraftsResponse(_message.Message):
    __slots__ = ("drafts", "next_page_token")
    DRAFTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    drafts: _containers.RepeatedCompositeFieldContainer[_control_pb2.Draft]
    next_page_token: str
    def __init__(self, drafts: _Optional[_Iterable[_Union[_control_pb2.Draft, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetDraftRequest(_message.Message):
    __slots__ = ("name", "with_sources")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WITH_SOURCES_FIELD_NUMBER: _ClassVar[int]
    name: str
    with_sources: bool
    def __init__(self, name: _Optional[str] = ..., with_sources: _Optional[bool] = ...) -> None: ...

class GetDraftResponse(_message.Message):
    __slots__ = ("draft", "sources")
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    draft: _control_pb2.Draft
    sources: _control_pb2.Sources
    def __init__(self, draft: _Optional[_Union[_control_pb2.Draft, _Mapping]] = ..., sources: _Optional[_Union[_control_pb2.Sources, _Mapping]] = ...) -> None: ...

class SaveDraftRequest(_message.Message):
    __slots__ = ("name", "version", "sources", "base", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    sources: _control_pb2.Sources
    base: int
    reason: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., sources: _Optional[_Union[_control_pb2.Sources, _Mapping]] = ..., base: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class SaveDraftResponse(_message.Message):
    __slots__ = ("draft",)
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    draft: _control_pb2.Draft
    def __init__(self, draft: _Optional[_Union[_control_pb2.Draft, _Mapping]] = ...) -> None: ...

class DeleteDraftRequest(_message.Message):
    __slots__ = ("name", "version", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    reason: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class DeleteDraftResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SubmitDraftRequest(_message.Message):
    __slots__ = ("name", "version", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    reason: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class SubmitDraftResponse(_message.Message):
    __slots__ = ("draft", "changes")
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    draft: _control_pb2.Draft
    changes: _control_pb2.Changes
    def __init__(self, draft: _Optional[_Union[_control_pb2.Draft, _Mapping]] = ..., changes: _Optional[_Union[_control_pb2.Changes, _Mapping]] = ...) -> None: ...

class ReturnDraftRequest(_message.Message):
    __slots__ = ("name", "version", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    reason: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ReturnDraftResponse(_message.Message):
    __slots__ = ("draft",)
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    draft: _control_pb2.Draft
    def __init__(self, draft: _Optional[_Union[_control_pb2.Draft, _Mapping]] = ...) -> None: ...

class ApproveDraftRequest(_message.Message):
    __slots__ = ("name", "version", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    reason: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ApproveDraftResponse(_message.Message):
    __slots__ = ("draft",)
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    draft: _control_pb2.Draft
    def __init__(self, draft: _Optional[_Union[_control_pb2.Draft, _Mapping]] = ...) -> None: ...

class Canary(_message.Message):
    __slots__ = ("labels", "sample", "max_difference", "min_compared")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    MAX_DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    MIN_COMPARED_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.ScalarMap[str, str]
    sample: float
    max_difference: float
    min_compared: int
    def __init__(self, labels: _Optional[_Mapping[str, str]] = ..., sample: _Optional[float] = ..., max_difference: _Optional[float] = ..., min_compared: _Optional[int] = ...) -> None: ...

class PublishDraftRequest(_message.Message):
    __slots__ = ("name", "version", "reason", "canary", "emergency")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CANARY_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    reason: str
    canary: Canary
    emergency: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ..., canary: _Optional[_Union[Canary, _Mapping]] = ..., emergency: _Optional[bool] = ...) -> None: ...

class PublishDraftResponse(_message.Message):
    __slots__ = ("revision", "rollout")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    revision: _control_pb2.Revision
    rollout: _control_pb2.Rollout
    def __init__(self, revision: _Optional[_Union[_control_pb2.Revision, _Mapping]] = ..., rollout: _Optional[_Union[_control_pb2.Rollout, _Mapping]] = ...) -> None: ...

class RollBackRequest(_message.Message):
    __slots__ = ("revision", "reason")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    revision: int
    reason: str
    def __init__(self, revision: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class RollBackResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: _control_pb2.Revision
    def __init__(self, revision: _Optional[_Union[_control_pb2.Revision, _Mapping]] = ...) -> None: ...

class ListRevisionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRevisionsResponse(_message.Message):
    __slots__ = ("revisions", "next_page_token", "head")
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    revisions: _containers.RepeatedCompositeFieldContainer[_control_pb2.Revision]
    next_page_token: str
    head: _control_pb2.Head
    def __init__(self, revisions: _Optional[_Iterable[_Union[_control_pb2.Revision, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., head: _Optional[_Union[_control_pb2.Head, _Mapping]] = ...) -> None: ...

class GetRevisionRequest(_message.Message):
    __slots__ = ("revision", "with_sources", "with_changes")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    WITH_SOURCES_FIELD_NUMBER: _ClassVar[int]
    WITH_CHANGES_FIELD_NUMBER: _ClassVar[int]
    revision: int
    with_sources: bool
    with_changes: bool
    def __init__(self, revision: _Optional[int] = ..., with_sources: _Optional[bool] = ..., with_changes: _Optional[bool] = ...) -> None: ...

class GetRevisionResponse(_message.Message):
    __slots__ = ("revision", "sources", "changes", "head")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    revision: _control_pb2.Revision
    sources: _control_pb2.Sources
    changes: _control_pb2.Changes
    head: _control_pb2.Head
    def __init__(self, revision: _Optional[_Union[_control_pb2.Revision, _Mapping]] = ..., sources: _Optional[_Union[_control_pb2.Sources, _Mapping]] = ..., changes: _Optional[_Union[_control_pb2.Changes, _Mapping]] = ..., head: _Optional[_Union[_control_pb2.Head, _Mapping]] = ...) -> None: ...

class ComparePoliciesRequest(_message.Message):
    __slots__ = ("before", "after")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    before: PolicyText
    after: PolicyText
    def __init__(self, before: _Optional[_Union[PolicyText, _Mapping]] = ..., after: _Optional[_Union[PolicyText, _Mapping]] = ...) -> None: ...

class ComparePoliciesResponse(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _control_pb2.Changes
    def __init__(self, changes: _Optional[_Union[_control_pb2.Changes, _Mapping]] = ...) -> None: ...

class GetRolloutRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRolloutResponse(_message.Message):
    __slots__ = ("rollout", "nodes")
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    rollout: _control_pb2.Rollout
    nodes: _containers.RepeatedCompositeFieldContainer[_control_pb2.NodeStatus]
    def __init__(self, rollout: _Optional[_Union[_control_pb2.Rollout, _Mapping]] = ..., nodes: _Optional[_Iterable[_Union[_control_pb2.NodeStatus, _Mapping]]] = ...) -> None: ...

class PromoteRolloutRequest(_message.Message):
    __slots__ = ("revision", "reason")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    revision: int
    reason: str
    def __init__(self, revision: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class PromoteRolloutResponse(_message.Message):
    __slots__ = ("rollout",)
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    rollout: _control_pb2.Rollout
    def __init__(self, rollout: _Optional[_Union[_control_pb2.Rollout, _Mapping]] = ...) -> None: ...

class StopRolloutRequest(_message.Message):
    __slots__ = ("revision", "reason")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    revision: int
    reason: str
    def __init__(self, revision: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class StopRolloutResponse(_message.Message):
    __slots__ = ("rollout",)
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    rollout: _control_pb2.Rollout
    def __init__(self, rollout: _Optional[_Union[_control_pb2.Rollout, _Mapping]] = ...) -> None: ...

class AnalyseImpactRequest(_message.Message):
    __slots__ = ("candidate", "filter", "to", "limit", "examples")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    candidate: PolicyText
    filter: str
    to: _timestamp_pb2.Timestamp
    limit: int
    examples: int
    def __init__(self, candidate: _Optional[_Union[PolicyText, _Mapping]] = ..., filter: _Optional[str] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limit: _Optional[int] = ..., examples: _Optional[int] = ..., **kwargs) -> None: ...

class VerdictChange(_message.Message):
    __slots__ = ("field", "before", "mask_before", "rule_before", "after", "mask_after", "rule_after")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    MASK_BEFORE_FIELD_NUMBER: _ClassVar[int]
    RULE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    MASK_AFTER_FIELD_NUMBER: _ClassVar[int]
    RULE_AFTER_FIELD_NUMBER: _ClassVar[int]
    field: str
    before: _types_pb2.Effect
    mask_before: str
    rule_before: str
    after: _types_pb2.Effect
    mask_after: str
    rule_after: str
    def __init__(self, field: _Optional[str] = ..., before: _Optional[_Union[_types_pb2.Effect, str]] = ..., mask_before: _Optional[str] = ..., rule_before: _Optional[str] = ..., after: _Optional[_Union[_types_pb2.Effect, str]] = ..., mask_after: _Optional[str] = ..., rule_after: _Optional[str] = ...) -> None: ...

class ImpactExample(_message.Message):
    __slots__ = ("entry", "changes")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    entry: _snapshot_service_pb2.SnapshotEntry
    changes: _containers.RepeatedCompositeFieldContainer[VerdictChange]
    def __init__(self, entry: _Optional[_Union[_snapshot_service_pb2.SnapshotEntry, _Mapping]] = ..., changes: _Optional[_Iterable[_Union[VerdictChange, _Mapping]]] = ...) -> None: ...

class ImpactGroup(_message.Message):
    __slots__ = ("by", "key", "decisions", "changed", "more_shown", "examples")
    BY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    MORE_SHOWN_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    by: str
    key: str
    decisions: int
    changed: int
    more_shown: int
    examples: _containers.RepeatedCompositeFieldContainer[ImpactExample]
    def __init__(self, by: _Optional[str] = ..., key: _Optional[str] = ..., decisions: _Optional[int] = ..., changed: _Optional[int] = ..., more_shown: _Optional[int] = ..., examples: _Optional[_Iterable[_Union[ImpactExample, _Mapping]]] = ...) -> None: ...

class AnalyseImpactResponse(_message.Message):
    __slots__ = ("read", "expected", "changed", "more_shown", "undecidable", "insufficient", "done", "groups")
    class InsufficientEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    READ_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    MORE_SHOWN_FIELD_NUMBER: _ClassVar[int]
    UNDECIDABLE_FIELD_NUMBER: _ClassVar[int]
    INSUFFICIENT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    read: int
    expected: int
    changed: int
    more_shown: int
    undecidable: int
    insufficient: _containers.ScalarMap[str, int]
    done: bool
    groups: _containers.RepeatedCompositeFieldContainer[ImpactGroup]
    def __init__(self, read: _Optional[int] = ..., expected: _Optional[int] = ..., changed: _Optional[int] = ..., more_shown: _Optional[int] = ..., undecidable: _Optional[int] = ..., insufficient: _Optional[_Mapping[str, int]] = ..., done: _Optional[bool] = ..., groups: _Optional[_Iterable[_Union[ImpactGroup, _Mapping]]] = ...) -> None: ...

class GetBundleRequest(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class GetBundleResponse(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: _bundle_service_pb2.BundleHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[_bundle_service_pb2.BundleHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...
