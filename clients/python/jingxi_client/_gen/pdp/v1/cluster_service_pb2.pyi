from jingxi_client._gen.pdp.v1 import control_pb2 as _control_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeHealth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_HEALTH_UNSPECIFIED: _ClassVar[NodeHealth]
    NODE_HEALTH_CURRENT: _ClassVar[NodeHealth]
    NODE_HEALTH_BEHIND: _ClassVar[NodeHealth]
    NODE_HEALTH_REFUSING: _ClassVar[NodeHealth]
    NODE_HEALTH_EMPTY: _ClassVar[NodeHealth]
    NODE_HEALTH_DRAINING: _ClassVar[NodeHealth]
    NODE_HEALTH_LOST: _ClassVar[NodeHealth]
NODE_HEALTH_UNSPECIFIED: NodeHealth
NODE_HEALTH_CURRENT: NodeHealth
NODE_HEALTH_BEHIND: NodeHealth
NODE_HEALTH_REFUSING: NodeHealth
NODE_HEALTH_EMPTY: NodeHealth
NODE_HEALTH_DRAINING: NodeHealth
NODE_HEALTH_LOST: NodeHealth

class Node(_message.Message):
    __slots__ = ("status", "health", "wanted", "age_millis")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    AGE_MILLIS_FIELD_NUMBER: _ClassVar[int]
    status: _control_pb2.NodeStatus
    health: NodeHealth
    wanted: int
    age_millis: int
    def __init__(self, status: _Optional[_Union[_control_pb2.NodeStatus, _Mapping]] = ..., health: _Optional[_Union[NodeHealth, str]] = ..., wanted: _Optional[int] = ..., age_millis: _Optional[int] = ...) -> None: ...

class ListNodesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListNodesResponse(_message.Message):
    __slots__ = ("nodes", "head", "rollout", "store_age_millis")
    NODES_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    STORE_AGE_MILLIS_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    head: _control_pb2.Head
    rollout: _control_pb2.Rollout
    store_age_millis: int
    def __init__(self, nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., head: _Optional[_Union[_control_pb2.Head, _Mapping]] = ..., rollout: _Optional[_Union[_control_pb2.Rollout, _Mapping]] = ..., store_age_millis: _Optional[int] = ...) -> None: ...

class WatchNodesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchNodesResponse(_message.Message):
    __slots__ = ("nodes",)
    NODES_FIELD_NUMBER: _ClassVar[int]
    nodes: ListNodesResponse
    def __init__(self, nodes: _Optional[_Union[ListNodesResponse, _Mapping]] = ...) -> None: ...

class AwaitRevisionRequest(_message.Message):
    __slots__ = ("revision", "timeout_millis")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MILLIS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    timeout_millis: int
    def __init__(self, revision: _Optional[int] = ..., timeout_millis: _Optional[int] = ...) -> None: ...

class AwaitRevisionResponse(_message.Message):
    __slots__ = ("reached", "missing", "excused", "done", "converged", "waited_millis")
    REACHED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    EXCUSED_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    CONVERGED_FIELD_NUMBER: _ClassVar[int]
    WAITED_MILLIS_FIELD_NUMBER: _ClassVar[int]
    reached: _containers.RepeatedCompositeFieldContainer[Node]
    missing: _containers.RepeatedCompositeFieldContainer[Node]
    excused: _containers.RepeatedCompositeFieldContainer[Node]
    done: bool
    converged: bool
    waited_millis: int
    def __init__(self, reached: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., missing: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., excused: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., done: _Optional[bool] = ..., converged: _Optional[bool] = ..., waited_millis: _Optional[int] = ...) -> None: ...

class ForgetNodeRequest(_message.Message):
    __slots__ = ("node", "reason")
    NODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    node: str
    reason: str
    def __init__(self, node: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ForgetNodeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
