"""Which permission each method of the staff port needs. What does not stand here is denied.

`docs/guides/accounts.md` shows this table, and a test calls every method as every level by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pdp.control.accounts.permissions import Permission
from pdp.v1 import account_pb2 as names


class Access(Enum):
    """Who may call a method that needs no permission."""

    ANYBODY = "anybody"
    """Without being signed in."""
    LIMITED = "limited"
    """Signed in, even if the password must be changed or a second factor is missing."""
    SIGNED_IN = "signed in"
    """Signed in; what one may do with what belongs to others, the method judges itself."""


@dataclass(frozen=True, slots=True)
class Within:
    """Needs one of these permissions, be it in some applications or branches: the method judges where.

    With `everywhere` it judges nothing, and one of them must hold in all.
    """

    permissions: tuple[Permission, ...]
    everywhere: bool = False


Need = Permission | Access | Within

_SESSION = "/pdp.v1.SessionService/"
_ACCOUNT = "/pdp.v1.AccountService/"
_POLICY = "/pdp.v1.PolicyService/"
_CLUSTER = "/pdp.v1.ClusterService/"
_SIMULATION = "/pdp.v1.SimulationService/"
_SNAPSHOT = "/pdp.v1.SnapshotService/"
_GRANT = "/pdp.v1.GrantService/"
_CALLER = "/pdp.v1.CallerService/"
_SECURITY = "/pdp.v1.SecurityService/"
_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/"
_HEALTH = "/grpc.health.v1.Health/"

NEEDS: Final[Mapping[str, Need]] = {
    f"{_HEALTH}Check": Access.ANYBODY,
    f"{_HEALTH}Watch": Access.ANYBODY,
    f"{_HEALTH}List": Access.ANYBODY,
    f"{_REFLECTION}ServerReflectionInfo": Access.SIGNED_IN,
    f"{_SESSION}CreateFirstAccount": Access.ANYBODY,
    f"{_SESSION}SignIn": Access.ANYBODY,
    f"{_SESSION}BeginOidc": Access.ANYBODY,
    f"{_SESSION}FinishOidc": Access.ANYBODY,
    f"{_SESSION}SignOut": Access.LIMITED,
    f"{_SESSION}GetSession": Access.LIMITED,
    f"{_SESSION}ChangePassword": Access.LIMITED,
    f"{_SESSION}BeginTotp": Access.LIMITED,
    f"{_SESSION}ConfirmTotp": Access.LIMITED,
    f"{_SESSION}ListSessions": Access.SIGNED_IN,
    f"{_SESSION}RevokeSession": Access.SIGNED_IN,
    f"{_SESSION}ListSignIns": Access.SIGNED_IN,
    f"{_ACCOUNT}ListAccounts": names.PERMISSION_ACCOUNT_READ,
    f"{_ACCOUNT}GetAccount": names.PERMISSION_ACCOUNT_READ,
    f"{_ACCOUNT}AskForRights": names.PERMISSION_ACCOUNT_ASK,
    f"{_ACCOUNT}ReviewRequest": names.PERMISSION_ACCOUNT_REVIEW,
    f"{_ACCOUNT}ApproveRequest": names.PERMISSION_ACCOUNT_APPROVE,
    f"{_ACCOUNT}ExecuteRequest": names.PERMISSION_ACCOUNT_APPROVE,
    f"{_ACCOUNT}RefuseRequest": Access.SIGNED_IN,
    f"{_ACCOUNT}ListRequests": Access.SIGNED_IN,
    f"{_ACCOUNT}LockAccount": names.PERMISSION_ACCOUNT_APPROVE,
    f"{_ACCOUNT}UnlockAccount": names.PERMISSION_ACCOUNT_APPROVE,
    f"{_ACCOUNT}ListRightsReviews": Within(
        (names.PERMISSION_ACCOUNT_READ, names.PERMISSION_ACCOUNT_REVIEW), everywhere=True
    ),
    f"{_ACCOUNT}ConfirmRights": names.PERMISSION_ACCOUNT_REVIEW,
    f"{_ACCOUNT}GetSignInMethods": Access.ANYBODY,
    f"{_POLICY}CheckPolicies": names.PERMISSION_POLICY_READ,
    f"{_POLICY}AnalysePolicies": names.PERMISSION_POLICY_READ,
    f"{_POLICY}ListDrafts": names.PERMISSION_POLICY_READ,
    f"{_POLICY}GetDraft": names.PERMISSION_POLICY_READ,
    f"{_POLICY}SaveDraft": names.PERMISSION_POLICY_WRITE,
    f"{_POLICY}DeleteDraft": names.PERMISSION_POLICY_WRITE,
    f"{_POLICY}SubmitDraft": names.PERMISSION_POLICY_WRITE,
    f"{_POLICY}ReturnDraft": Within((names.PERMISSION_POLICY_WRITE, names.PERMISSION_POLICY_APPROVE), everywhere=True),
    f"{_POLICY}ApproveDraft": names.PERMISSION_POLICY_APPROVE,
    f"{_POLICY}PublishDraft": names.PERMISSION_POLICY_PUBLISH,
    f"{_POLICY}RollBack": names.PERMISSION_POLICY_PUBLISH,
    f"{_POLICY}ListRevisions": names.PERMISSION_POLICY_READ,
    f"{_POLICY}GetRevision": names.PERMISSION_POLICY_READ,
    f"{_POLICY}GetBundle": names.PERMISSION_POLICY_READ,
    f"{_POLICY}ComparePolicies": names.PERMISSION_POLICY_READ,
    f"{_POLICY}GetRollout": names.PERMISSION_POLICY_READ,
    f"{_POLICY}PromoteRollout": names.PERMISSION_POLICY_PUBLISH,
    f"{_POLICY}StopRollout": names.PERMISSION_POLICY_PUBLISH,
    f"{_POLICY}AnalyseImpact": names.PERMISSION_SIMULATE,
    f"{_SIMULATION}DescribePolicies": names.PERMISSION_POLICY_READ,
    f"{_SIMULATION}Simulate": names.PERMISSION_SIMULATE,
    f"{_SIMULATION}RunScenarios": names.PERMISSION_SIMULATE,
    f"{_CLUSTER}ListNodes": names.PERMISSION_CLUSTER_READ,
    f"{_CLUSTER}WatchNodes": names.PERMISSION_CLUSTER_READ,
    f"{_CLUSTER}AwaitRevision": names.PERMISSION_CLUSTER_READ,
    f"{_CLUSTER}ForgetNode": names.PERMISSION_CLUSTER_OPERATE,
    f"{_SNAPSHOT}ListSnapshots": names.PERMISSION_SNAPSHOT_READ,
    f"{_SNAPSHOT}GetSnapshot": names.PERMISSION_SNAPSHOT_READ,
    f"{_SNAPSHOT}WatchSnapshots": names.PERMISSION_SNAPSHOT_READ,
    f"{_SNAPSHOT}ExportSnapshots": names.PERMISSION_SNAPSHOT_EXPORT,
    f"{_SNAPSHOT}GetSnapshotStats": names.PERMISSION_SNAPSHOT_READ,
    f"{_SNAPSHOT}ProveSnapshot": names.PERMISSION_SNAPSHOT_READ,
    f"{_GRANT}AskForGrant": Within((names.PERMISSION_GRANT_ASK,)),
    f"{_GRANT}ApproveGrant": Within((names.PERMISSION_GRANT_APPROVE,)),
    f"{_GRANT}RefuseGrant": Within((names.PERMISSION_GRANT_APPROVE,)),
    f"{_GRANT}RevokeGrant": Within((names.PERMISSION_GRANT_APPROVE, names.PERMISSION_GRANT_ASK)),
    f"{_GRANT}RecordConsent": Within((names.PERMISSION_GRANT_ASK,)),
    f"{_GRANT}GetGrant": Within(
        (names.PERMISSION_GRANT_READ, names.PERMISSION_GRANT_ASK, names.PERMISSION_GRANT_APPROVE)
    ),
    f"{_GRANT}ListGrants": Within(
        (names.PERMISSION_GRANT_READ, names.PERMISSION_GRANT_ASK, names.PERMISSION_GRANT_APPROVE)
    ),
    f"{_CALLER}ListCallers": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}GetCaller": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}CreateCaller": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}UpdateCaller": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}DisableCaller": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}EnableCaller": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}AddCallerToken": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}RevokeCallerToken": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}DeleteCaller": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}ListCallerChanges": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}ApproveCallerChange": names.PERMISSION_CALLER_MANAGE,
    f"{_CALLER}RefuseCallerChange": names.PERMISSION_CALLER_MANAGE,
    f"{_SECURITY}ListAnomalies": names.PERMISSION_SECURITY_REVIEW,
    f"{_SECURITY}ReviewAnomaly": names.PERMISSION_SECURITY_REVIEW,
}
"""A permission alone is needed for all applications and branches."""
