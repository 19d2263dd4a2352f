import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from pdp.v1 import caller_pb2 as _caller_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TokenWish(_message.Message):
    __slots__ = ("id", "validity")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALIDITY_FIELD_NUMBER: _ClassVar[int]
    id: str
    validity: _duration_pb2.Duration
    def __init__(self, id: _Optional[str] = ..., validity: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ListCallersRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCallersResponse(_message.Message):
    __slots__ = ("callers", "next_page_token", "file_callers", "effective")
    CALLERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILE_CALLERS_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    callers: _containers.RepeatedCompositeFieldContainer[_caller_pb2.Caller]
    next_page_token: str
    file_callers: _containers.RepeatedCompositeFieldContainer[_caller_pb2.Caller]
    effective: bool
    def __init__(self, callers: _Optional[_Iterable[_Union[_caller_pb2.Caller, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., file_callers: _Optional[_Iterable[_Union[_caller_pb2.Caller, _Mapping]]] = ..., effective: _Optional[bool] = ...) -> None: ...

class GetCallerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetCallerResponse(_message.Message):
    __slots__ = ("caller", "hidden")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    caller: _caller_pb2.Caller
    hidden: bool
    def __init__(self, caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ..., hidden: _Optional[bool] = ...) -> None: ...

class CreateCallerRequest(_message.Message):
    __slots__ = ("caller", "token", "reason")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    caller: _caller_pb2.Caller
    token: TokenWish
    reason: str
    def __init__(self, caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ..., token: _Optional[_Union[TokenWish, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class CreateCallerResponse(_message.Message):
    __slots__ = ("caller", "change", "token")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    caller: _caller_pb2.Caller
    change: _caller_pb2.CallerChange
    token: str
    def __init__(self, caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ..., change: _Optional[_Union[_caller_pb2.CallerChange, _Mapping]] = ..., token: _Optional[str] = ...) -> None: ...

class UpdateCallerRequest(_message.Message):
    __slots__ = ("caller", "reason")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    caller: _caller_pb2.Caller
    reason: str
    def __init__(self, caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class UpdateCallerResponse(_message.Message):
    __slots__ = ("caller", "change")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    caller: _caller_pb2.Caller
    change: _caller_pb2.CallerChange
    def __init__(self, caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ..., change: _Optional[_Union[_caller_pb2.CallerChange, _Mapping]] = ...) -> None: ...

class DisableCallerRequest(_message.Message):
    __slots__ = ("name", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DisableCallerResponse(_message.Message):
    __slots__ = ("caller",)
    CALLER_FIELD_NUMBER: _ClassVar[int]
    caller: _caller_pb2.Caller
    def __init__(self, caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ...) -> None: ...

class EnableCallerRequest(_message.Message):
    __slots__ = ("name", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class EnableCallerResponse(_message.Message):
    __slots__ = ("caller", "change")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    caller: _caller_pb2.Caller
    change: _caller_pb2.CallerChange
    def __init__(self, caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ..., change: _Optional[_Union[_caller_pb2.CallerChange, _Mapping]] = ...) -> None: ...

class AddCallerTokenRequest(_message.Message):
    __slots__ = ("name", "token", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    token: TokenWish
    reason: str
    def __init__(self, name: _Optional[str] = ..., token: _Optional[_Union[TokenWish, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class AddCallerTokenResponse(_message.Message):
    __slots__ = ("caller", "change", "token")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    caller: _caller_pb2.Caller
    change: _caller_pb2.CallerChange
    token: str
    def __init__(self, caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ..., change: _Optional[_Union[_caller_pb2.CallerChange, _Mapping]] = ..., token: _Optional[str] = ...) -> None: ...

class RevokeCallerTokenRequest(_message.Message):
    __slots__ = ("name", "id", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    id: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RevokeCallerTokenResponse(_message.Message):
    __slots__ = ("caller",)
    CALLER_FIELD_NUMBER: _ClassVar[int]
    caller: _caller_pb2.Caller
    def __init__(self, caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ...) -> None: ...

class DeleteCallerRequest(_message.Message):
    __slots__ = ("name", "version", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    reason: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class DeleteCallerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCallerChangesRequest(_message.Message):
    __slots__ = ("waiting", "page_size", "page_token")
    WAITING_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    waiting: bool
    page_size: int
    page_token: str
    def __init__(self, waiting: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCallerChangesResponse(_message.Message):
    __slots__ = ("changes", "next_page_token")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[_caller_pb2.CallerChange]
    next_page_token: str
    def __init__(self, changes: _Optional[_Iterable[_Union[_caller_pb2.CallerChange, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ApproveCallerChangeRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ApproveCallerChangeResponse(_message.Message):
    __slots__ = ("change", "caller")
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    change: _caller_pb2.CallerChange
    caller: _caller_pb2.Caller
    def __init__(self, change: _Optional[_Union[_caller_pb2.CallerChange, _Mapping]] = ..., caller: _Optional[_Union[_caller_pb2.Caller, _Mapping]] = ...) -> None: ...

class RefuseCallerChangeRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RefuseCallerChangeResponse(_message.Message):
    __slots__ = ("change",)
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    change: _caller_pb2.CallerChange
    def __init__(self, change: _Optional[_Union[_caller_pb2.CallerChange, _Mapping]] = ...) -> None: ...
