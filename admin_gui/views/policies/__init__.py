"""The policies: their files, the editor, and what is wrong in them."""

from admin_gui.views.policies.screen import PoliciesScreen

__all__ = ["PoliciesScreen"]
