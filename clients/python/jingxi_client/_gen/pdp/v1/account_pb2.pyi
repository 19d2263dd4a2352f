from jingxi_client._gen.pdp.v1 import anomaly_pb2 as _anomaly_pb2
from jingxi_client._gen.pdp.v1 import bundle_pb2 as _bundle_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Permission(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PERMISSION_UNSPECIFIED: _ClassVar[Permission]
    PERMISSION_POLICY_READ: _ClassVar[Permission]
    PERMISSION_POLICY_WRITE: _ClassVar[Permission]
    PERMISSION_POLICY_APPROVE: _ClassVar[Permission]
    PERMISSION_POLICY_PUBLISH: _ClassVar[Permission]
    PERMISSION_POLICY_EMERGENCY: _ClassVar[Permission]
    PERMISSION_GRANT_ASK: _ClassVar[Permission]
    PERMISSION_GRANT_APPROVE: _ClassVar[Permission]
    PERMISSION_GRANT_READ: _ClassVar[Permission]
    PERMISSION_SNAPSHOT_READ: _ClassVar[Permission]
    PERMISSION_SNAPSHOT_EXPORT: _ClassVar[Permission]
    PERMISSION_SIMULATE: _ClassVar[Permission]
    PERMISSION_CLUSTER_READ: _ClassVar[Permission]
    PERMISSION_CLUSTER_OPERATE: _ClassVar[Permission]
    PERMISSION_ACCOUNT_READ: _ClassVar[Permission]
    PERMISSION_ACCOUNT_ASK: _ClassVar[Permission]
    PERMISSION_ACCOUNT_REVIEW: _ClassVar[Permission]
    PERMISSION_ACCOUNT_APPROVE: _ClassVar[Permission]
    PERMISSION_CALLER_MANAGE: _ClassVar[Permission]
    PERMISSION_SECURITY_REVIEW: _ClassVar[Permission]

class AccountLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_LEVEL_UNSPECIFIED: _ClassVar[AccountLevel]
    ACCOUNT_LEVEL_ADMIN: _ClassVar[AccountLevel]
    ACCOUNT_LEVEL_MANAGER: _ClassVar[AccountLevel]
    ACCOUNT_LEVEL_USER: _ClassVar[AccountLevel]
    ACCOUNT_LEVEL_RESTRICTED: _ClassVar[AccountLevel]

class AccountState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_STATE_UNSPECIFIED: _ClassVar[AccountState]
    ACCOUNT_STATE_ACTIVE: _ClassVar[AccountState]
    ACCOUNT_STATE_LOCKED: _ClassVar[AccountState]
    ACCOUNT_STATE_CLOSED: _ClassVar[AccountState]

class RightsReviewState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RIGHTS_REVIEW_STATE_UNSPECIFIED: _ClassVar[RightsReviewState]
    RIGHTS_REVIEW_STATE_CONFIRMED: _ClassVar[RightsReviewState]
    RIGHTS_REVIEW_STATE_DUE: _ClassVar[RightsReviewState]
    RIGHTS_REVIEW_STATE_OVERDUE: _ClassVar[RightsReviewState]

class RequestKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_KIND_UNSPECIFIED: _ClassVar[RequestKind]
    REQUEST_KIND_CREATE: _ClassVar[RequestKind]
    REQUEST_KIND_CHANGE: _ClassVar[RequestKind]
    REQUEST_KIND_CLOSE: _ClassVar[RequestKind]
    REQUEST_KIND_RESET: _ClassVar[RequestKind]

class RequestState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_STATE_UNSPECIFIED: _ClassVar[RequestState]
    REQUEST_STATE_ASKED: _ClassVar[RequestState]
    REQUEST_STATE_REVIEWED: _ClassVar[RequestState]
    REQUEST_STATE_APPROVED: _ClassVar[RequestState]
    REQUEST_STATE_DONE: _ClassVar[RequestState]
    REQUEST_STATE_REFUSED: _ClassVar[RequestState]

class GrantState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANT_STATE_UNSPECIFIED: _ClassVar[GrantState]
    GRANT_STATE_ASKED: _ClassVar[GrantState]
    GRANT_STATE_ACTIVE: _ClassVar[GrantState]
    GRANT_STATE_REFUSED: _ClassVar[GrantState]
    GRANT_STATE_REVOKED: _ClassVar[GrantState]
    GRANT_STATE_EXPIRED: _ClassVar[GrantState]
    GRANT_STATE_USED_UP: _ClassVar[GrantState]
PERMISSION_UNSPECIFIED: Permission
PERMISSION_POLICY_READ: Permission
PERMISSION_POLICY_WRITE: Permission
PERMISSION_POLICY_APPROVE: Permission
PERMISSION_POLICY_PUBLISH: Permission
PERMISSION_POLICY_EMERGENCY: Permission
PERMISSION_GRANT_ASK: Permission
PERMISSION_GRANT_APPROVE: Permission
PERMISSION_GRANT_READ: Permission
PERMISSION_SNAPSHOT_READ: Permission
PERMISSION_SNAPSHOT_EXPORT: Permission
PERMISSION_SIMULATE: Permission
PERMISSION_CLUSTER_READ: Permission
PERMISSION_CLUSTER_OPERATE: Permission
PERMISSION_ACCOUNT_READ: Permission
PERMISSION_ACCOUNT_ASK: Permission
PERMISSION_ACCOUNT_REVIEW: Permission
PERMISSION_ACCOUNT_APPROVE: Permission
PERMISSION_CALLER_MANAGE: Permission
PERMISSION_SECURITY_REVIEW: Permission
ACCOUNT_LEVEL_UNSPECIFIED: AccountLevel
ACCOUNT_LEVEL_ADMIN: AccountLevel
ACCOUNT_LEVEL_MANAGER: AccountLevel
ACCOUNT_LEVEL_USER: AccountLevel
ACCOUNT_LEVEL_RESTRICTED: AccountLevel
ACCOUNT_STATE_UNSPECIFIED: AccountState
ACCOUNT_STATE_ACTIVE: AccountState
ACCOUNT_STATE_LOCKED: AccountState
ACCOUNT_STATE_CLOSED: AccountState
RIGHTS_REVIEW_STATE_UNSPECIFIED: RightsReviewState
RIGHTS_REVIEW_STATE_CONFIRMED: RightsReviewState
RIGHTS_REVIEW_STATE_DUE: RightsReviewState
RIGHTS_REVIEW_STATE_OVERDUE: RightsReviewState
REQUEST_KIND_UNSPECIFIED: RequestKind
REQUEST_KIND_CREATE: RequestKind
REQUEST_KIND_CHANGE: RequestKind
REQUEST_KIND_CLOSE: RequestKind
REQUEST_KIND_RESET: RequestKind
REQUEST_STATE_UNSPECIFIED: RequestState
REQUEST_STATE_ASKED: RequestState
REQUEST_STATE_REVIEWED: RequestState
REQUEST_STATE_APPROVED: RequestState
REQUEST_STATE_DONE: RequestState
REQUEST_STATE_REFUSED: RequestState
GRANT_STATE_UNSPECIFIED: GrantState
GRANT_STATE_ASKED: GrantState
GRANT_STATE_ACTIVE: GrantState
GRANT_STATE_REFUSED: GrantState
GRANT_STATE_REVOKED: GrantState
GRANT_STATE_EXPIRED: GrantState
GRANT_STATE_USED_UP: GrantState

class Scope(_message.Message):
    __slots__ = ("applications", "branches")
    APPLICATIONS_FIELD_NUMBER: _ClassVar[int]
    BRANCHES_FIELD_NUMBER: _ClassVar[int]
    applications: _containers.RepeatedScalarFieldContainer[str]
    branches: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, applications: _Optional[_Iterable[str]] = ..., branches: _Optional[_Iterable[str]] = ...) -> None: ...

class Right(_message.Message):
    __slots__ = ("permission", "scope")
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    permission: Permission
    scope: Scope
    def __init__(self, permission: _Optional[_Union[Permission, str]] = ..., scope: _Optional[_Union[Scope, _Mapping]] = ...) -> None: ...

class PasswordHash(_message.Message):
    __slots__ = ("hash", "since_nanos")
    HASH_FIELD_NUMBER: _ClassVar[int]
    SINCE_NANOS_FIELD_NUMBER: _ClassVar[int]
    hash: str
    since_nanos: int
    def __init__(self, hash: _Optional[str] = ..., since_nanos: _Optional[int] = ...) -> None: ...

class TotpFactor(_message.Message):
    __slots__ = ("sealed_secret", "last_step", "confirmed")
    SEALED_SECRET_FIELD_NUMBER: _ClassVar[int]
    LAST_STEP_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    sealed_secret: bytes
    last_step: int
    confirmed: bool
    def __init__(self, sealed_secret: _Optional[bytes] = ..., last_step: _Optional[int] = ..., confirmed: _Optional[bool] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("secret_hash", "name", "since_nanos", "last_address", "last_nanos")
    SECRET_HASH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SINCE_NANOS_FIELD_NUMBER: _ClassVar[int]
    LAST_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LAST_NANOS_FIELD_NUMBER: _ClassVar[int]
    secret_hash: bytes
    name: str
    since_nanos: int
    last_address: str
    last_nanos: int
    def __init__(self, secret_hash: _Optional[bytes] = ..., name: _Optional[str] = ..., since_nanos: _Optional[int] = ..., last_address: _Optional[str] = ..., last_nanos: _Optional[int] = ...) -> None: ...

class TimeWindow(_message.Message):
    __slots__ = ("days", "from_minute", "to_minute")
    DAYS_FIELD_NUMBER: _ClassVar[int]
    FROM_MINUTE_FIELD_NUMBER: _ClassVar[int]
    TO_MINUTE_FIELD_NUMBER: _ClassVar[int]
    days: _containers.RepeatedScalarFieldContainer[int]
    from_minute: int
    to_minute: int
    def __init__(self, days: _Optional[_Iterable[int]] = ..., from_minute: _Optional[int] = ..., to_minute: _Optional[int] = ...) -> None: ...

class Failures(_message.Message):
    __slots__ = ("count", "last_nanos", "until_nanos", "locks")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_NANOS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_NANOS_FIELD_NUMBER: _ClassVar[int]
    LOCKS_FIELD_NUMBER: _ClassVar[int]
    count: int
    last_nanos: int
    until_nanos: int
    locks: int
    def __init__(self, count: _Optional[int] = ..., last_nanos: _Optional[int] = ..., until_nanos: _Optional[int] = ..., locks: _Optional[int] = ...) -> None: ...

class OidcIdentity(_message.Message):
    __slots__ = ("issuer", "subject")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    subject: str
    def __init__(self, issuer: _Optional[str] = ..., subject: _Optional[str] = ...) -> None: ...

class Account(_message.Message):
    __slots__ = ("name", "owner", "branch", "level", "rights", "state", "state_reason", "password", "password_history", "must_change_password", "totp", "recovery_hashes", "certificates", "devices", "windows", "networks", "failures", "created_nanos", "created_by", "last_sign_in_nanos", "authority_level", "epoch", "version", "pending_totp", "recent_networks", "last_sign_in_address", "locked_by", "compromised", "open_anomalies", "oidc", "rights_confirmed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_HISTORY_FIELD_NUMBER: _ClassVar[int]
    MUST_CHANGE_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    TOTP_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_HASHES_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    NETWORKS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    CREATED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    LAST_SIGN_IN_NANOS_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PENDING_TOTP_FIELD_NUMBER: _ClassVar[int]
    RECENT_NETWORKS_FIELD_NUMBER: _ClassVar[int]
    LAST_SIGN_IN_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LOCKED_BY_FIELD_NUMBER: _ClassVar[int]
    COMPROMISED_FIELD_NUMBER: _ClassVar[int]
    OPEN_ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    OIDC_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    name: str
    owner: str
    branch: str
    level: AccountLevel
    rights: _containers.RepeatedCompositeFieldContainer[Right]
    state: AccountState
    state_reason: str
    password: PasswordHash
    password_history: _containers.RepeatedCompositeFieldContainer[PasswordHash]
    must_change_password: bool
    totp: TotpFactor
    recovery_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    certificates: _containers.RepeatedScalarFieldContainer[str]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    windows: _containers.RepeatedCompositeFieldContainer[TimeWindow]
    networks: _containers.RepeatedScalarFieldContainer[str]
    failures: Failures
    created_nanos: int
    created_by: str
    last_sign_in_nanos: int
    authority_level: int
    epoch: int
    version: int
    pending_totp: TotpFactor
    recent_networks: _containers.RepeatedScalarFieldContainer[str]
    last_sign_in_address: str
    locked_by: str
    compromised: bool
    open_anomalies: _containers.RepeatedCompositeFieldContainer[_anomaly_pb2.OpenAnomaly]
    oidc: OidcIdentity
    rights_confirmed: RightsConfirmation
    def __init__(self, name: _Optional[str] = ..., owner: _Optional[str] = ..., branch: _Optional[str] = ..., level: _Optional[_Union[AccountLevel, str]] = ..., rights: _Optional[_Iterable[_Union[Right, _Mapping]]] = ..., state: _Optional[_Union[AccountState, str]] = ..., state_reason: _Optional[str] = ..., password: _Optional[_Union[PasswordHash, _Mapping]] = ..., password_history: _Optional[_Iterable[_Union[PasswordHash, _Mapping]]] = ..., must_change_password: _Optional[bool] = ..., totp: _Optional[_Union[TotpFactor, _Mapping]] = ..., recovery_hashes: _Optional[_Iterable[bytes]] = ..., certificates: _Optional[_Iterable[str]] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., windows: _Optional[_Iterable[_Union[TimeWindow, _Mapping]]] = ..., networks: _Optional[_Iterable[str]] = ..., failures: _Optional[_Union[Failures, _Mapping]] = ..., created_nanos: _Optional[int] = ..., created_by: _Optional[str] = ..., last_sign_in_nanos: _Optional[int] = ..., authority_level: _Optional[int] = ..., epoch: _Optional[int] = ..., version: _Optional[int] = ..., pending_totp: _Optional[_Union[TotpFactor, _Mapping]] = ..., recent_networks: _Optional[_Iterable[str]] = ..., last_sign_in_address: _Optional[str] = ..., locked_by: _Optional[str] = ..., compromised: _Optional[bool] = ..., open_anomalies: _Optional[_Iterable[_Union[_anomaly_pb2.OpenAnomaly, _Mapping]]] = ..., oidc: _Optional[_Union[OidcIdentity, _Mapping]] = ..., rights_confirmed: _Optional[_Union[RightsConfirmation, _Mapping]] = ...) -> None: ...

class RightsConfirmation(_message.Message):
    __slots__ = ("actor", "time_nanos", "reason")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    actor: str
    time_nanos: int
    reason: str
    def __init__(self, actor: _Optional[str] = ..., time_nanos: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class RightsReview(_message.Message):
    __slots__ = ("account", "owner", "level", "rights", "account_state", "state", "confirmed_nanos", "confirmed_by", "due_nanos", "version", "last_sign_in_nanos", "reading_only")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_NANOS_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_BY_FIELD_NUMBER: _ClassVar[int]
    DUE_NANOS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LAST_SIGN_IN_NANOS_FIELD_NUMBER: _ClassVar[int]
    READING_ONLY_FIELD_NUMBER: _ClassVar[int]
    account: str
    owner: str
    level: AccountLevel
    rights: _containers.RepeatedCompositeFieldContainer[Right]
    account_state: AccountState
    state: RightsReviewState
    confirmed_nanos: int
    confirmed_by: str
    due_nanos: int
    version: int
    last_sign_in_nanos: int
    reading_only: bool
    def __init__(self, account: _Optional[str] = ..., owner: _Optional[str] = ..., level: _Optional[_Union[AccountLevel, str]] = ..., rights: _Optional[_Iterable[_Union[Right, _Mapping]]] = ..., account_state: _Optional[_Union[AccountState, str]] = ..., state: _Optional[_Union[RightsReviewState, str]] = ..., confirmed_nanos: _Optional[int] = ..., confirmed_by: _Optional[str] = ..., due_nanos: _Optional[int] = ..., version: _Optional[int] = ..., last_sign_in_nanos: _Optional[int] = ..., reading_only: _Optional[bool] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("id", "account", "device_hash", "began_nanos", "used_nanos", "ends_nanos", "address", "factors", "limited", "epoch", "reading_only")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_HASH_FIELD_NUMBER: _ClassVar[int]
    BEGAN_NANOS_FIELD_NUMBER: _ClassVar[int]
    USED_NANOS_FIELD_NUMBER: _ClassVar[int]
    ENDS_NANOS_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    FACTORS_FIELD_NUMBER: _ClassVar[int]
    LIMITED_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    READING_ONLY_FIELD_NUMBER: _ClassVar[int]
    id: str
    account: str
    device_hash: bytes
    began_nanos: int
    used_nanos: int
    ends_nanos: int
    address: str
    factors: _containers.RepeatedScalarFieldContainer[str]
    limited: bool
    epoch: int
    reading_only: bool
    def __init__(self, id: _Optional[str] = ..., account: _Optional[str] = ..., device_hash: _Optional[bytes] = ..., began_nanos: _Optional[int] = ..., used_nanos: _Optional[int] = ..., ends_nanos: _Optional[int] = ..., address: _Optional[str] = ..., factors: _Optional[_Iterable[str]] = ..., limited: _Optional[bool] = ..., epoch: _Optional[int] = ..., reading_only: _Optional[bool] = ...) -> None: ...

class RequestStep(_message.Message):
    __slots__ = ("state", "actor", "time_nanos", "reason", "content_hash", "alone")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    ALONE_FIELD_NUMBER: _ClassVar[int]
    state: RequestState
    actor: str
    time_nanos: int
    reason: str
    content_hash: bytes
    alone: bool
    def __init__(self, state: _Optional[_Union[RequestState, str]] = ..., actor: _Optional[str] = ..., time_nanos: _Optional[int] = ..., reason: _Optional[str] = ..., content_hash: _Optional[bytes] = ..., alone: _Optional[bool] = ...) -> None: ...

class RightsRequest(_message.Message):
    __slots__ = ("id", "kind", "wanted", "state", "risk", "steps", "account_version")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: RequestKind
    wanted: Account
    state: RequestState
    risk: str
    steps: _containers.RepeatedCompositeFieldContainer[RequestStep]
    account_version: int
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[RequestKind, str]] = ..., wanted: _Optional[_Union[Account, _Mapping]] = ..., state: _Optional[_Union[RequestState, str]] = ..., risk: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[RequestStep, _Mapping]]] = ..., account_version: _Optional[int] = ...) -> None: ...

class GrantRecord(_message.Message):
    __slots__ = ("grant", "state", "max_uses", "application", "branch", "steps", "uses", "validity_nanos", "consent_id")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MAX_USES_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    VALIDITY_NANOS_FIELD_NUMBER: _ClassVar[int]
    CONSENT_ID_FIELD_NUMBER: _ClassVar[int]
    grant: _bundle_pb2.Grant
    state: GrantState
    max_uses: int
    application: str
    branch: str
    steps: _containers.RepeatedCompositeFieldContainer[GrantStep]
    uses: int
    validity_nanos: int
    consent_id: str
    def __init__(self, grant: _Optional[_Union[_bundle_pb2.Grant, _Mapping]] = ..., state: _Optional[_Union[GrantState, str]] = ..., max_uses: _Optional[int] = ..., application: _Optional[str] = ..., branch: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[GrantStep, _Mapping]]] = ..., uses: _Optional[int] = ..., validity_nanos: _Optional[int] = ..., consent_id: _Optional[str] = ...) -> None: ...

class ActiveGrant(_message.Message):
    __slots__ = ("grant", "max_uses")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    MAX_USES_FIELD_NUMBER: _ClassVar[int]
    grant: _bundle_pb2.Grant
    max_uses: int
    def __init__(self, grant: _Optional[_Union[_bundle_pb2.Grant, _Mapping]] = ..., max_uses: _Optional[int] = ...) -> None: ...

class GrantUses(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class GrantStep(_message.Message):
    __slots__ = ("state", "actor", "time_nanos", "reason")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    state: GrantState
    actor: str
    time_nanos: int
    reason: str
    def __init__(self, state: _Optional[_Union[GrantState, str]] = ..., actor: _Optional[str] = ..., time_nanos: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...
