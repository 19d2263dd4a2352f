"""The record of what was decided and done: found, followed, told, verified and exported."""

from admin_gui.views.snapshots.screen import SnapshotsScreen

__all__ = ["SnapshotsScreen"]
