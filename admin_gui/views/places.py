"""The places of the navigation, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.rights import Permission
from admin_gui.domain.say import Say
from admin_gui.views.accounts import AccountsScreen
from admin_gui.views.cluster import ClusterScreen
from admin_gui.views.dictionary import DictionaryScreen
from admin_gui.views.grants import GrantsScreen
from admin_gui.views.policies import PoliciesScreen
from admin_gui.views.screen import Desk, ScreenWidget
from admin_gui.views.simulator import SimulatorScreen
from admin_gui.views.snapshots import SnapshotsScreen


@dataclass(frozen=True)
class Place:
    """A screen, and which permissions each let somebody see it; none for what is everybody's.

    `key` names its icon as well.
    """

    key: str
    say: Say
    make: Callable[[Desk], ScreenWidget]
    needs: tuple[Permission, ...]


PLACES: Final = (
    Place("policies", Say("策略", "Policies"), PoliciesScreen, ("policy_read",)),
    Place("simulator", Say("模拟", "Simulator"), SimulatorScreen, ("simulate",)),
    Place("snapshots", Say("快照", "Snapshots"), SnapshotsScreen, ("snapshot_read",)),
    Place("grants", Say("授权", "Grants"), GrantsScreen, ("grant_read", "grant_ask", "grant_approve")),
    Place("dictionary", Say("字典", "Dictionary"), DictionaryScreen, ("policy_read",)),
    Place("cluster", Say("集群", "Cluster"), ClusterScreen, ("cluster_read",)),
    Place("accounts", Say("账户", "Accounts"), AccountsScreen, ()),
)
