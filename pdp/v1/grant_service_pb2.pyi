import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from pdp.v1 import account_pb2 as _account_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AskForGrantRequest(_message.Message):
    __slots__ = ("subject_id", "branch", "application", "resource_type", "resource_id", "fields", "levels", "scenario", "reason", "validity", "max_uses")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALIDITY_FIELD_NUMBER: _ClassVar[int]
    MAX_USES_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    branch: str
    application: str
    resource_type: str
    resource_id: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    levels: _containers.RepeatedScalarFieldContainer[str]
    scenario: str
    reason: str
    validity: _duration_pb2.Duration
    max_uses: int
    def __init__(self, subject_id: _Optional[str] = ..., branch: _Optional[str] = ..., application: _Optional[str] = ..., resource_type: _Optional[str] = ..., resource_id: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., levels: _Optional[_Iterable[str]] = ..., scenario: _Optional[str] = ..., reason: _Optional[str] = ..., validity: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_uses: _Optional[int] = ...) -> None: ...

class AskForGrantResponse(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: _account_pb2.GrantRecord
    def __init__(self, grant: _Optional[_Union[_account_pb2.GrantRecord, _Mapping]] = ...) -> None: ...

class ApproveGrantRequest(_message.Message):
    __slots__ = ("id", "reason", "validity")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALIDITY_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    validity: _duration_pb2.Duration
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ..., validity: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ApproveGrantResponse(_message.Message):
    __slots__ = ("grant", "grant_revision")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    GRANT_REVISION_FIELD_NUMBER: _ClassVar[int]
    grant: _account_pb2.GrantRecord
    grant_revision: int
    def __init__(self, grant: _Optional[_Union[_account_pb2.GrantRecord, _Mapping]] = ..., grant_revision: _Optional[int] = ...) -> None: ...

class RefuseGrantRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RefuseGrantResponse(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: _account_pb2.GrantRecord
    def __init__(self, grant: _Optional[_Union[_account_pb2.GrantRecord, _Mapping]] = ...) -> None: ...

class RevokeGrantRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RevokeGrantResponse(_message.Message):
    __slots__ = ("grant", "grant_revision", "silent_nodes")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    GRANT_REVISION_FIELD_NUMBER: _ClassVar[int]
    SILENT_NODES_FIELD_NUMBER: _ClassVar[int]
    grant: _account_pb2.GrantRecord
    grant_revision: int
    silent_nodes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, grant: _Optional[_Union[_account_pb2.GrantRecord, _Mapping]] = ..., grant_revision: _Optional[int] = ..., silent_nodes: _Optional[_Iterable[str]] = ...) -> None: ...

class RecordConsentRequest(_message.Message):
    __slots__ = ("subject_id", "application", "resource_type", "resource_id", "fields", "levels", "scenario", "evidence", "signature", "consented_nanos", "validity", "max_uses", "consent_id")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    SCENARIO_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    CONSENTED_NANOS_FIELD_NUMBER: _ClassVar[int]
    VALIDITY_FIELD_NUMBER: _ClassVar[int]
    MAX_USES_FIELD_NUMBER: _ClassVar[int]
    CONSENT_ID_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    application: str
    resource_type: str
    resource_id: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    levels: _containers.RepeatedScalarFieldContainer[str]
    scenario: str
    evidence: str
    signature: bytes
    consented_nanos: int
    validity: _duration_pb2.Duration
    max_uses: int
    consent_id: str
    def __init__(self, subject_id: _Optional[str] = ..., application: _Optional[str] = ..., resource_type: _Optional[str] = ..., resource_id: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., levels: _Optional[_Iterable[str]] = ..., scenario: _Optional[str] = ..., evidence: _Optional[str] = ..., signature: _Optional[bytes] = ..., consented_nanos: _Optional[int] = ..., validity: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_uses: _Optional[int] = ..., consent_id: _Optional[str] = ...) -> None: ...

class RecordConsentResponse(_message.Message):
    __slots__ = ("grant", "grant_revision")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    GRANT_REVISION_FIELD_NUMBER: _ClassVar[int]
    grant: _account_pb2.GrantRecord
    grant_revision: int
    def __init__(self, grant: _Optional[_Union[_account_pb2.GrantRecord, _Mapping]] = ..., grant_revision: _Optional[int] = ...) -> None: ...

class GetGrantRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetGrantResponse(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: _account_pb2.GrantRecord
    def __init__(self, grant: _Optional[_Union[_account_pb2.GrantRecord, _Mapping]] = ...) -> None: ...

class ListGrantsRequest(_message.Message):
    __slots__ = ("state", "subject_id", "mine_to_approve", "page_size", "page_token")
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    MINE_TO_APPROVE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    state: _account_pb2.GrantState
    subject_id: str
    mine_to_approve: bool
    page_size: int
    page_token: str
    def __init__(self, state: _Optional[_Union[_account_pb2.GrantState, str]] = ..., subject_id: _Optional[str] = ..., mine_to_approve: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGrantsResponse(_message.Message):
    __slots__ = ("grants", "next_page_token")
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[_account_pb2.GrantRecord]
    next_page_token: str
    def __init__(self, grants: _Optional[_Iterable[_Union[_account_pb2.GrantRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
