import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from jingxi_client._gen.pdp.v1 import bundle_pb2 as _bundle_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as _decision_service_pb2
from jingxi_client._gen.pdp.v1 import policy_service_pb2 as _policy_service_pb2
from jingxi_client._gen.pdp.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescribePoliciesRequest(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: _policy_service_pb2.PolicyText
    def __init__(self, text: _Optional[_Union[_policy_service_pb2.PolicyText, _Mapping]] = ...) -> None: ...

class DescribePoliciesResponse(_message.Message):
    __slots__ = ("bundle", "bundle_hash", "scenario_titles")
    class ScenarioTitlesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _types_pb2.LocalizedText
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ...) -> None: ...
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_HASH_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_TITLES_FIELD_NUMBER: _ClassVar[int]
    bundle: _bundle_pb2.Bundle
    bundle_hash: str
    scenario_titles: _containers.MessageMap[str, _types_pb2.LocalizedText]
    def __init__(self, bundle: _Optional[_Union[_bundle_pb2.Bundle, _Mapping]] = ..., bundle_hash: _Optional[str] = ..., scenario_titles: _Optional[_Mapping[str, _types_pb2.LocalizedText]] = ...) -> None: ...

class SimulateRequest(_message.Message):
    __slots__ = ("text", "beside", "request", "now", "grants")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BESIDE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    text: _policy_service_pb2.PolicyText
    beside: _policy_service_pb2.PolicyText
    request: _decision_service_pb2.DecideRequest
    now: _timestamp_pb2.Timestamp
    grants: _containers.RepeatedCompositeFieldContainer[_bundle_pb2.Grant]
    def __init__(self, text: _Optional[_Union[_policy_service_pb2.PolicyText, _Mapping]] = ..., beside: _Optional[_Union[_policy_service_pb2.PolicyText, _Mapping]] = ..., request: _Optional[_Union[_decision_service_pb2.DecideRequest, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., grants: _Optional[_Iterable[_Union[_bundle_pb2.Grant, _Mapping]]] = ...) -> None: ...

class SimulateResponse(_message.Message):
    __slots__ = ("explained", "beside")
    EXPLAINED_FIELD_NUMBER: _ClassVar[int]
    BESIDE_FIELD_NUMBER: _ClassVar[int]
    explained: _decision_service_pb2.ExplainResponse
    beside: _decision_service_pb2.ExplainResponse
    def __init__(self, explained: _Optional[_Union[_decision_service_pb2.ExplainResponse, _Mapping]] = ..., beside: _Optional[_Union[_decision_service_pb2.ExplainResponse, _Mapping]] = ...) -> None: ...

class RunScenariosRequest(_message.Message):
    __slots__ = ("text", "pattern")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    text: _policy_service_pb2.PolicyText
    pattern: str
    def __init__(self, text: _Optional[_Union[_policy_service_pb2.PolicyText, _Mapping]] = ..., pattern: _Optional[str] = ...) -> None: ...

class ScenarioDifference(_message.Message):
    __slots__ = ("field", "expected", "got", "why")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    GOT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    field: str
    expected: str
    got: str
    why: str
    def __init__(self, field: _Optional[str] = ..., expected: _Optional[str] = ..., got: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class ScenarioResult(_message.Message):
    __slots__ = ("name", "title", "location", "differences")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    name: str
    title: _types_pb2.LocalizedText
    location: str
    differences: _containers.RepeatedCompositeFieldContainer[ScenarioDifference]
    def __init__(self, name: _Optional[str] = ..., title: _Optional[_Union[_types_pb2.LocalizedText, _Mapping]] = ..., location: _Optional[str] = ..., differences: _Optional[_Iterable[_Union[ScenarioDifference, _Mapping]]] = ...) -> None: ...

class ClauseCoverage(_message.Message):
    __slots__ = ("expression", "location", "was_true", "was_false")
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    WAS_TRUE_FIELD_NUMBER: _ClassVar[int]
    WAS_FALSE_FIELD_NUMBER: _ClassVar[int]
    expression: str
    location: str
    was_true: bool
    was_false: bool
    def __init__(self, expression: _Optional[str] = ..., location: _Optional[str] = ..., was_true: _Optional[bool] = ..., was_false: _Optional[bool] = ...) -> None: ...

class RuleCoverage(_message.Message):
    __slots__ = ("rule", "location", "matched", "clauses")
    RULE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    CLAUSES_FIELD_NUMBER: _ClassVar[int]
    rule: str
    location: str
    matched: int
    clauses: _containers.RepeatedCompositeFieldContainer[ClauseCoverage]
    def __init__(self, rule: _Optional[str] = ..., location: _Optional[str] = ..., matched: _Optional[int] = ..., clauses: _Optional[_Iterable[_Union[ClauseCoverage, _Mapping]]] = ...) -> None: ...

class ScenarioSummary(_message.Message):
    __slots__ = ("passed", "failed", "rules")
    PASSED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    passed: int
    failed: int
    rules: _containers.RepeatedCompositeFieldContainer[RuleCoverage]
    def __init__(self, passed: _Optional[int] = ..., failed: _Optional[int] = ..., rules: _Optional[_Iterable[_Union[RuleCoverage, _Mapping]]] = ...) -> None: ...

class RunScenariosResponse(_message.Message):
    __slots__ = ("total", "result", "summary")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    total: int
    result: ScenarioResult
    summary: ScenarioSummary
    def __init__(self, total: _Optional[int] = ..., result: _Optional[_Union[ScenarioResult, _Mapping]] = ..., summary: _Optional[_Union[ScenarioSummary, _Mapping]] = ...) -> None: ...
