"""Who may do what: four levels (requirement B8), the rights within them, and where they hold.

A level brings little by itself. Everything else is a right of the account's own, asked for and approved (least
privilege, requirement B1), and counts only when the account's level may have it at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from pdp.control.accounts.names import MAX_TEXT
from pdp.errors import RequestError, Violation
from pdp.v1 import account_pb2
from pdp.v1.account_pb2 import (
    ACCOUNT_LEVEL_ADMIN,
    ACCOUNT_LEVEL_MANAGER,
    ACCOUNT_LEVEL_RESTRICTED,
    ACCOUNT_LEVEL_USER,
    PERMISSION_ACCOUNT_APPROVE,
    PERMISSION_ACCOUNT_ASK,
    PERMISSION_ACCOUNT_READ,
    PERMISSION_ACCOUNT_REVIEW,
    PERMISSION_CALLER_MANAGE,
    PERMISSION_CLUSTER_OPERATE,
    PERMISSION_CLUSTER_READ,
    PERMISSION_GRANT_APPROVE,
    PERMISSION_GRANT_ASK,
    PERMISSION_GRANT_READ,
    PERMISSION_POLICY_APPROVE,
    PERMISSION_POLICY_EMERGENCY,
    PERMISSION_POLICY_PUBLISH,
    PERMISSION_POLICY_READ,
    PERMISSION_POLICY_WRITE,
    PERMISSION_SECURITY_REVIEW,
    PERMISSION_SIMULATE,
    PERMISSION_SNAPSHOT_EXPORT,
    PERMISSION_SNAPSHOT_READ,
)

Level = account_pb2.AccountLevel
Permission = account_pb2.Permission

MAX_RIGHTS: Final = 64
MAX_SCOPE: Final = 100

# INVARIANT: no level holds both sides of a separation (requirement B2): who leads accounts neither writes nor publishes
# policies nor reads records; who writes policies neither approves nor publishes them.
MAY_HAVE: Final[Mapping[Level, frozenset[Permission]]] = {
    ACCOUNT_LEVEL_ADMIN: frozenset({
        PERMISSION_CLUSTER_READ, PERMISSION_CLUSTER_OPERATE, PERMISSION_ACCOUNT_READ, PERMISSION_ACCOUNT_ASK,
        PERMISSION_ACCOUNT_REVIEW, PERMISSION_ACCOUNT_APPROVE, PERMISSION_CALLER_MANAGE, PERMISSION_SECURITY_REVIEW,
    }),
    ACCOUNT_LEVEL_MANAGER: frozenset({
        PERMISSION_POLICY_READ, PERMISSION_POLICY_APPROVE, PERMISSION_POLICY_PUBLISH, PERMISSION_POLICY_EMERGENCY,
        PERMISSION_GRANT_APPROVE, PERMISSION_GRANT_READ, PERMISSION_SNAPSHOT_READ, PERMISSION_SNAPSHOT_EXPORT,
        PERMISSION_SIMULATE, PERMISSION_CLUSTER_READ, PERMISSION_ACCOUNT_READ, PERMISSION_ACCOUNT_ASK,
        PERMISSION_ACCOUNT_REVIEW, PERMISSION_SECURITY_REVIEW,
    }),
    ACCOUNT_LEVEL_USER: frozenset({
        PERMISSION_POLICY_READ, PERMISSION_POLICY_WRITE, PERMISSION_GRANT_ASK, PERMISSION_GRANT_READ,
        PERMISSION_SNAPSHOT_READ, PERMISSION_SIMULATE, PERMISSION_CLUSTER_READ, PERMISSION_ACCOUNT_ASK,
    }),
    ACCOUNT_LEVEL_RESTRICTED: frozenset({
        PERMISSION_POLICY_READ, PERMISSION_GRANT_READ, PERMISSION_SNAPSHOT_READ, PERMISSION_SIMULATE,
        PERMISSION_CLUSTER_READ,
    }),
}  # fmt: skip
"""What an account of a level may be given at most."""

BRINGS: Final[Mapping[Level, frozenset[Permission]]] = {
    ACCOUNT_LEVEL_ADMIN: frozenset({PERMISSION_ACCOUNT_READ, PERMISSION_CLUSTER_READ}),
    ACCOUNT_LEVEL_MANAGER: frozenset({PERMISSION_POLICY_READ, PERMISSION_CLUSTER_READ}),
    ACCOUNT_LEVEL_USER: frozenset({PERMISSION_POLICY_READ, PERMISSION_CLUSTER_READ}),
    ACCOUNT_LEVEL_RESTRICTED: frozenset(),
}
"""What every account of a level may do without being given it."""


def allows(
    account: account_pb2.Account,
    permission: Permission,
    application: str | None = None,
    branch: str | None = None,
) -> bool:
    """Whether an account may do something in an application and a branch; None stands for all of them.

    What is asked for all is not allowed by a right that holds in some: whoever cannot tell where a call belongs asks
    for all.
    """
    if account.state != account_pb2.ACCOUNT_STATE_ACTIVE:
        return False
    return any(
        right.permission == permission
        and _holds(right.scope.applications, application)
        and _holds(right.scope.branches, branch)
        for right in rights_of(account)
    )


def holds_somewhere(account: account_pb2.Account, permission: Permission) -> bool:
    """Whether an account may do something in any application or branch: what a servicer then judges closer."""
    active = account.state == account_pb2.ACCOUNT_STATE_ACTIVE
    return active and any(right.permission == permission for right in rights_of(account))


def rights_of(account: account_pb2.Account) -> Iterator[account_pb2.Right]:
    """Yield all that an account may do: what its level brings, and its own rights as far as its level may have them."""
    level = account.level
    for permission in sorted(BRINGS.get(level, ())):
        yield account_pb2.Right(permission=permission)
    may_have = MAY_HAVE.get(level, frozenset())
    for right in account.rights:
        if right.permission in may_have:
            yield right


def check_rights(account: account_pb2.Account, field: str) -> None:
    """Raise RequestError for a level that is none, and rights that the level may not have or that have no meaning."""
    if account.level not in MAY_HAVE:
        raise RequestError(Violation(f"{field}.level", "is required: Admin, Manager, User or Restricted"))
    if len(account.rights) > MAX_RIGHTS:
        raise RequestError(Violation(f"{field}.rights", f"are {len(account.rights)}, at most {MAX_RIGHTS}"))
    for index, right in enumerate(account.rights):
        if right.permission not in MAY_HAVE[account.level]:
            raise RequestError(
                Violation(
                    f"{field}.rights[{index}]",
                    f"`{permission_word(right.permission)}` is not for the level `{level_word(account.level)}`",
                )
            )
        for names in (right.scope.applications, right.scope.branches):
            if len(names) > MAX_SCOPE or not all(0 < len(name) <= MAX_TEXT for name in names):
                raise RequestError(
                    Violation(f"{field}.rights[{index}].scope", f"has at most {MAX_SCOPE} names, none of them empty")
                )


def all_rights(level: Level) -> list[account_pb2.Right]:
    """Return every right that a level may have, everywhere."""
    return [account_pb2.Right(permission=permission) for permission in sorted(MAY_HAVE[level])]


def permission_word(permission: int) -> str:
    """Return a permission as people write it, such as `policy-read`."""
    if permission not in Permission.values():
        return str(permission)
    return Permission.Name(permission).removeprefix("PERMISSION_").lower().replace("_", "-")


def level_word(level: int) -> str:
    """Return a level as people write it, such as `manager`."""
    if level not in Level.values():
        return str(level)
    return Level.Name(level).removeprefix("ACCOUNT_LEVEL_").lower()


def _holds(names: Collection[str], name: str | None) -> bool:
    return not names or (name is not None and name in names)
