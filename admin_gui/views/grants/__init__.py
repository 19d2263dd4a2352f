"""Grants: ask, approve, refuse, take back, and see what each was used for."""

from admin_gui.views.grants.screen import GrantsScreen

__all__ = ["GrantsScreen"]
