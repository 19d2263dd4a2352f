from pdp.v1 import account_pb2 as _account_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignInOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGN_IN_OUTCOME_UNSPECIFIED: _ClassVar[SignInOutcome]
    SIGN_IN_OUTCOME_SIGNED_IN: _ClassVar[SignInOutcome]
    SIGN_IN_OUTCOME_FAILED: _ClassVar[SignInOutcome]
    SIGN_IN_OUTCOME_SESSION_REFUSED: _ClassVar[SignInOutcome]
SIGN_IN_OUTCOME_UNSPECIFIED: SignInOutcome
SIGN_IN_OUTCOME_SIGNED_IN: SignInOutcome
SIGN_IN_OUTCOME_FAILED: SignInOutcome
SIGN_IN_OUTCOME_SESSION_REFUSED: SignInOutcome

class CreateFirstAccountRequest(_message.Message):
    __slots__ = ("token", "name", "owner", "password")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    token: str
    name: str
    owner: str
    password: str
    def __init__(self, token: _Optional[str] = ..., name: _Optional[str] = ..., owner: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class CreateFirstAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SignInRequest(_message.Message):
    __slots__ = ("name", "password", "code", "device", "device_name")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    password: str
    code: str
    device: bytes
    device_name: str
    def __init__(self, name: _Optional[str] = ..., password: _Optional[str] = ..., code: _Optional[str] = ..., device: _Optional[bytes] = ..., device_name: _Optional[str] = ...) -> None: ...

class SignInResponse(_message.Message):
    __slots__ = ("token", "session", "account")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: _account_pb2.Session
    account: _account_pb2.Account
    def __init__(self, token: _Optional[str] = ..., session: _Optional[_Union[_account_pb2.Session, _Mapping]] = ..., account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ...) -> None: ...

class BeginOidcRequest(_message.Message):
    __slots__ = ("redirect_uri", "device")
    REDIRECT_URI_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    redirect_uri: str
    device: bytes
    def __init__(self, redirect_uri: _Optional[str] = ..., device: _Optional[bytes] = ...) -> None: ...

class BeginOidcResponse(_message.Message):
    __slots__ = ("authorization_url", "handle", "state", "seconds", "label", "provider_second_factor")
    AUTHORIZATION_URL_FIELD_NUMBER: _ClassVar[int]
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    authorization_url: str
    handle: str
    state: str
    seconds: int
    label: str
    provider_second_factor: bool
    def __init__(self, authorization_url: _Optional[str] = ..., handle: _Optional[str] = ..., state: _Optional[str] = ..., seconds: _Optional[int] = ..., label: _Optional[str] = ..., provider_second_factor: _Optional[bool] = ...) -> None: ...

class FinishOidcRequest(_message.Message):
    __slots__ = ("handle", "state", "authorization_code", "issuer", "code", "device", "device_name")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    AUTHORIZATION_CODE_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    handle: str
    state: str
    authorization_code: str
    issuer: str
    code: str
    device: bytes
    device_name: str
    def __init__(self, handle: _Optional[str] = ..., state: _Optional[str] = ..., authorization_code: _Optional[str] = ..., issuer: _Optional[str] = ..., code: _Optional[str] = ..., device: _Optional[bytes] = ..., device_name: _Optional[str] = ...) -> None: ...

class FinishOidcResponse(_message.Message):
    __slots__ = ("token", "session", "account")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: _account_pb2.Session
    account: _account_pb2.Account
    def __init__(self, token: _Optional[str] = ..., session: _Optional[_Union[_account_pb2.Session, _Mapping]] = ..., account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ...) -> None: ...

class SignOutRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SignOutResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("session", "account", "rights", "idle_seconds")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    IDLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    session: _account_pb2.Session
    account: _account_pb2.Account
    rights: _containers.RepeatedCompositeFieldContainer[_account_pb2.Right]
    idle_seconds: int
    def __init__(self, session: _Optional[_Union[_account_pb2.Session, _Mapping]] = ..., account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., rights: _Optional[_Iterable[_Union[_account_pb2.Right, _Mapping]]] = ..., idle_seconds: _Optional[int] = ...) -> None: ...

class ChangePasswordRequest(_message.Message):
    __slots__ = ("old_password", "new_password")
    OLD_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    NEW_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    old_password: str
    new_password: str
    def __init__(self, old_password: _Optional[str] = ..., new_password: _Optional[str] = ...) -> None: ...

class ChangePasswordResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BeginTotpRequest(_message.Message):
    __slots__ = ("password",)
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    password: str
    def __init__(self, password: _Optional[str] = ...) -> None: ...

class BeginTotpResponse(_message.Message):
    __slots__ = ("uri",)
    URI_FIELD_NUMBER: _ClassVar[int]
    uri: str
    def __init__(self, uri: _Optional[str] = ...) -> None: ...

class ConfirmTotpRequest(_message.Message):
    __slots__ = ("code",)
    CODE_FIELD_NUMBER: _ClassVar[int]
    code: str
    def __init__(self, code: _Optional[str] = ...) -> None: ...

class ConfirmTotpResponse(_message.Message):
    __slots__ = ("recovery_codes",)
    RECOVERY_CODES_FIELD_NUMBER: _ClassVar[int]
    recovery_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, recovery_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("account", "all")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    account: str
    all: bool
    def __init__(self, account: _Optional[str] = ..., all: _Optional[bool] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[_account_pb2.Session]
    def __init__(self, sessions: _Optional[_Iterable[_Union[_account_pb2.Session, _Mapping]]] = ...) -> None: ...

class RevokeSessionRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RevokeSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSignInsRequest(_message.Message):
    __slots__ = ("account", "page_size", "page_token")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account: str
    page_size: int
    page_token: str
    def __init__(self, account: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class SignInRecord(_message.Message):
    __slots__ = ("id", "time_nanos", "outcome", "address", "city", "device", "factors", "reason", "unusual", "session", "during")
    ID_FIELD_NUMBER: _ClassVar[int]
    TIME_NANOS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CITY_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    FACTORS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNUSUAL_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    DURING_FIELD_NUMBER: _ClassVar[int]
    id: str
    time_nanos: int
    outcome: SignInOutcome
    address: str
    city: str
    device: str
    factors: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    unusual: _containers.RepeatedScalarFieldContainer[str]
    session: str
    during: str
    def __init__(self, id: _Optional[str] = ..., time_nanos: _Optional[int] = ..., outcome: _Optional[_Union[SignInOutcome, str]] = ..., address: _Optional[str] = ..., city: _Optional[str] = ..., device: _Optional[str] = ..., factors: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., unusual: _Optional[_Iterable[str]] = ..., session: _Optional[str] = ..., during: _Optional[str] = ...) -> None: ...

class ListSignInsResponse(_message.Message):
    __slots__ = ("sign_ins", "next_page_token")
    SIGN_INS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sign_ins: _containers.RepeatedCompositeFieldContainer[SignInRecord]
    next_page_token: str
    def __init__(self, sign_ins: _Optional[_Iterable[_Union[SignInRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListAccountsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAccountsResponse(_message.Message):
    __slots__ = ("accounts", "next_page_token")
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    accounts: _containers.RepeatedCompositeFieldContainer[_account_pb2.Account]
    next_page_token: str
    def __init__(self, accounts: _Optional[_Iterable[_Union[_account_pb2.Account, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetAccountRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetAccountResponse(_message.Message):
    __slots__ = ("account", "rights")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    account: _account_pb2.Account
    rights: _containers.RepeatedCompositeFieldContainer[_account_pb2.Right]
    def __init__(self, account: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., rights: _Optional[_Iterable[_Union[_account_pb2.Right, _Mapping]]] = ...) -> None: ...

class AskForRightsRequest(_message.Message):
    __slots__ = ("kind", "wanted", "risk", "reason")
    KIND_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    kind: _account_pb2.RequestKind
    wanted: _account_pb2.Account
    risk: str
    reason: str
    def __init__(self, kind: _Optional[_Union[_account_pb2.RequestKind, str]] = ..., wanted: _Optional[_Union[_account_pb2.Account, _Mapping]] = ..., risk: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class AskForRightsResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _account_pb2.RightsRequest
    def __init__(self, request: _Optional[_Union[_account_pb2.RightsRequest, _Mapping]] = ...) -> None: ...

class ReviewRequestRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ReviewRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _account_pb2.RightsRequest
    def __init__(self, request: _Optional[_Union[_account_pb2.RightsRequest, _Mapping]] = ...) -> None: ...

class ApproveRequestRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ApproveRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _account_pb2.RightsRequest
    def __init__(self, request: _Optional[_Union[_account_pb2.RightsRequest, _Mapping]] = ...) -> None: ...

class ExecuteRequestRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ExecuteRequestResponse(_message.Message):
    __slots__ = ("request", "password")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    request: _account_pb2.RightsRequest
    password: str
    def __init__(self, request: _Optional[_Union[_account_pb2.RightsRequest, _Mapping]] = ..., password: _Optional[str] = ...) -> None: ...

class RefuseRequestRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RefuseRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: _account_pb2.RightsRequest
    def __init__(self, request: _Optional[_Union[_account_pb2.RightsRequest, _Mapping]] = ...) -> None: ...

class ListRequestsRequest(_message.Message):
    __slots__ = ("open", "page_size", "page_token")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    open: bool
    page_size: int
    page_token: str
    def __init__(self, open: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRequestsResponse(_message.Message):
    __slots__ = ("requests", "next_page_token")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[_account_pb2.RightsRequest]
    next_page_token: str
    def __init__(self, requests: _Optional[_Iterable[_Union[_account_pb2.RightsRequest, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class LockAccountRequest(_message.Message):
    __slots__ = ("name", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class LockAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UnlockAccountRequest(_message.Message):
    __slots__ = ("name", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class UnlockAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRightsReviewsRequest(_message.Message):
    __slots__ = ("state", "page_size", "page_token", "text")
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    state: _account_pb2.RightsReviewState
    page_size: int
    page_token: str
    text: str
    def __init__(self, state: _Optional[_Union[_account_pb2.RightsReviewState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ListRightsReviewsResponse(_message.Message):
    __slots__ = ("reviews", "next_page_token", "review_days")
    REVIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVIEW_DAYS_FIELD_NUMBER: _ClassVar[int]
    reviews: _containers.RepeatedCompositeFieldContainer[_account_pb2.RightsReview]
    next_page_token: str
    review_days: int
    def __init__(self, reviews: _Optional[_Iterable[_Union[_account_pb2.RightsReview, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., review_days: _Optional[int] = ...) -> None: ...

class ConfirmRightsRequest(_message.Message):
    __slots__ = ("name", "version", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    reason: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ConfirmRightsResponse(_message.Message):
    __slots__ = ("review",)
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    review: _account_pb2.RightsReview
    def __init__(self, review: _Optional[_Union[_account_pb2.RightsReview, _Mapping]] = ...) -> None: ...

class GetSignInMethodsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetSignInMethodsResponse(_message.Message):
    __slots__ = ("password", "first_account_missing", "oidc_providers", "second_factor")
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    FIRST_ACCOUNT_MISSING_FIELD_NUMBER: _ClassVar[int]
    OIDC_PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    password: bool
    first_account_missing: bool
    oidc_providers: _containers.RepeatedCompositeFieldContainer[OidcProvider]
    second_factor: bool
    def __init__(self, password: _Optional[bool] = ..., first_account_missing: _Optional[bool] = ..., oidc_providers: _Optional[_Iterable[_Union[OidcProvider, _Mapping]]] = ..., second_factor: _Optional[bool] = ...) -> None: ...

class OidcProvider(_message.Message):
    __slots__ = ("id", "label_zh", "label_en", "issuer")
    ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_ZH_FIELD_NUMBER: _ClassVar[int]
    LABEL_EN_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    id: str
    label_zh: str
    label_en: str
    issuer: str
    def __init__(self, id: _Optional[str] = ..., label_zh: _Optional[str] = ..., label_en: _Optional[str] = ..., issuer: _Optional[str] = ...) -> None: ...
