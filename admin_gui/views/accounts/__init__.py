"""Accounts, rights and what is unusual about them, the systems that call, and one's own account."""

from admin_gui.views.accounts.screen import AccountsScreen

__all__ = ["AccountsScreen"]
