"""What whoever sits here may do, so that no screen offers what the service would refuse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from jingxi_client._gen.pdp.v1 import account_pb2

Permission = Literal[
    "policy_read", "policy_write", "policy_approve", "policy_publish", "policy_emergency", "grant_ask", "grant_approve",
    "grant_read", "snapshot_read", "snapshot_export", "simulate", "cluster_read", "cluster_operate", "account_read",
    "account_ask", "account_review", "account_approve", "caller_manage", "security_review",
]  # fmt: skip
"""The names of the service's `Permission`s, in lower case."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Whose rights they are, and which. The service has the last word; this decides only what is shown.

    `everything` is so where nobody signs in: on a socket file that belongs to this user alone.
    """

    account: str = ""
    permissions: frozenset[str] = frozenset()
    everything: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether an action with this permission is to be offered."""
        return self.everything or permission in self.permissions

    def may_any(self, permissions: Iterable[Permission]) -> bool:
        """Whether one of these is enough."""
        return self.everything or not self.permissions.isdisjoint(permissions)


def rights_of(account: str, rights: Iterable[account_pb2.Right]) -> Rights:
    """Return what may be offered to an account by what GetSession tells.

    Rights to grants count where they hold; all others must hold everywhere, or the service refuses.
    """
    names = {str(permission) for permission in get_args(Permission)}
    found = set()
    for right in rights:
        if right.permission not in account_pb2.Permission.values():
            continue
        name = account_pb2.Permission.Name(right.permission).removeprefix("PERMISSION_").lower()
        bounded = bool(right.scope.applications or right.scope.branches)
        if name in names and (not bounded or name.startswith("grant_")):
            found.add(cast("Permission", name))
    return Rights(account, frozenset(found))


EVERYTHING: Final = Rights(everything=True)
