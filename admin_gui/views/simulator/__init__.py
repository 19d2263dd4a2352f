"""The simulator: who asks where, about whom, and what would be shown."""

from admin_gui.views.simulator.screen import SimulatorScreen

__all__ = ["SimulatorScreen"]
