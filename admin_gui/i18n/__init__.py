"""The language of the program, which changes while it runs."""

from admin_gui.i18n.language import Language

__all__ = ["Language"]
