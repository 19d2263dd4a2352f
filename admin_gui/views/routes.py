"""Ways from one screen to another: who shows something asks here, and does not know who answers."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Routes(QObject):
    """Signals that the window leads to screens. A screen connects to what it answers and emits what it wants."""

    place_chosen = Signal(str)
    """Show `file:line:column` in the editor."""
    scenario_chosen = Signal(object)
    """Open a `domain.scenario.Scenario` in the simulator."""
    snapshots_chosen = Signal(str)
    """Show the snapshots that a filter finds."""
    snapshot_chosen = Signal(str)
    """Show one snapshot by its id."""
    workspace_opened = Signal(object)
    """A `Workspace` is being edited now, or None for none any more: the simulator can try its texts."""
    workspace_changed = Signal()
    """Another screen wrote into the workspace: the editor reads it again."""
    published = Signal(int)
    """A revision has been put in force: who shows what is in force reads it again."""
