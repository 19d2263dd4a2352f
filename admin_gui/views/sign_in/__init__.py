"""Signing in, by all the ways that a service has, until somebody may work."""

from admin_gui.views.sign_in.screen import SignInScreen

__all__ = ["SignInScreen"]
