"""How the program looks: named colours, light and dark, and the style made of them."""

from admin_gui.theme.style import Theme
from admin_gui.theme.tokens import DARK, LIGHT, Shade, Tokens

__all__ = ["DARK", "LIGHT", "Shade", "Theme", "Tokens"]
